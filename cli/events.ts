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

/**
 * Takes the lines of the stream and hands on what are events. A line that is none is a notice of the CLI's own; and a run
 * does not end because somebody who looks on stumbles.
 */
export function eventsTo(take: (event: EngineEvent) => void): (line: string) => void {
  return (line) => {
    try {
      take(JSON.parse(line) as EngineEvent);
    } catch {
      // As above.
    }
  };
}
