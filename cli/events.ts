// What the engine says while it works, one JSON object a line (github.com/pulumi/pulumi sdk/go/common/apitype/events.go).

/** One event of the engine's stream, as `pulumi up --json` writes it. */
export interface EngineEvent {
  resourcePreEvent?: { metadata: EventStep };
  resOutputsEvent?: { metadata: EventStep };
  resOpFailedEvent?: { metadata: EventStep };
  diagnosticEvent?: { urn?: string; message: string; severity: string };
  policyEvent?: { message: string; resourceUrn?: string; policyName: string; enforcementLevel: string };
  summaryEvent?: { durationSeconds: number; resourceChanges?: Record<string, number> };
}

export interface EventStep {
  op: string;
  urn: string;
  type: string;
  new?: { outputs?: Record<string, unknown> } | null;
}

/** @returns undefined for a line that is no event: a notice of the CLI's own */
export function eventIn(line: string): EngineEvent | undefined {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
  }
}
