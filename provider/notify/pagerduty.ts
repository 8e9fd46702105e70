// PagerDuty's Events API v2 (developer.pagerduty.com/docs/events-api-v2): one alert that lasts as long as its cause.
import type { Line } from "./message.ts";
import { plain, subject } from "./message.ts";

/** By the class of the gravest secret. */
const severities = { CRITICAL: "critical", HIGH: "error", MEDIUM: "warning", LOW: "info" } as const;
type Severity = (typeof severities)[keyof typeof severities];

export interface PagerdutyEvent {
  event_action: "trigger" | "resolve";
  dedup_key: string;
  payload?: {
    summary: string;
    source: string;
    severity: Severity;
    component: string;
    custom_details: { notice: string; secrets: string };
  };
}

/**
 * What a run has to say. All failures of a stack are one alert, and every later run adds to the same one; a run that
 * finishes a rotation and fails nowhere closes it. What is overdue is an alert for each secret, since each ends by
 * itself: when a person has brought its new value and the value is proven.
 * @param stack what the alerts are told apart by
 * @param lines what PagerDuty is told
 * @param all of the run
 * @param ended secrets (`<application>/<secret>`) that are overdue no longer; an alert that is not open is none to end
 */
export function eventsOf(
  stack: string,
  lines: readonly Line[],
  all: readonly Line[],
  ended: readonly string[] = [],
): PagerdutyEvent[] {
  const events: PagerdutyEvent[] = [];
  const of = (kind: Line["kind"]): Line[] => lines.filter((line) => line.kind === kind);
  const failures = `secret-rotation/${stack}/failed`;
  if (of("failed").length > 0)
    events.push({ event_action: "trigger", dedup_key: failures, payload: payloadOf(stack, of("failed")) });
  else if (all.some((line) => line.kind === "after") && !all.some((line) => line.kind === "failed"))
    events.push({ event_action: "resolve", dedup_key: failures });
  for (const line of of("overdue"))
    events.push({
      event_action: "trigger",
      dedup_key: overdueKey(stack, line.secret),
      payload: payloadOf(stack, [line]),
    });
  for (const secret of ended) events.push({ event_action: "resolve", dedup_key: overdueKey(stack, secret) });
  return events;
}

function overdueKey(stack: string, secret: string): string {
  return `secret-rotation/${stack}/overdue/${secret}`;
}

function payloadOf(stack: string, lines: Line[]): PagerdutyEvent["payload"] {
  const order = Object.keys(severities) as (keyof typeof severities)[];
  // What is not known to be harmless is taken for grave.
  const grave = order.find((level) => lines.some((line) => line.class === level)) ?? "CRITICAL";
  const secrets = [...new Set(lines.map(({ secret }) => secret))].join(", ");
  return {
    summary: `${subject(lines)}: ${secrets}`.slice(0, 1024),
    source: stack,
    severity: severities[grave],
    component: "secret-rotation",
    custom_details: { notice: plain(lines).slice(0, 100_000), secrets },
  };
}

/** @returns why it was not taken, without the key; undefined when it was. Never throws */
export async function enqueue(
  baseUrl: string,
  routingKey: string,
  event: PagerdutyEvent,
  ms: number,
): Promise<string | undefined> {
  try {
    const response = await fetch(`${baseUrl.replace(/\/$/, "")}/v2/enqueue`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ routing_key: routingKey, ...event }),
      signal: AbortSignal.timeout(ms),
    });
    return response.ok ? undefined : `PagerDuty answered ${response.status}`;
  } catch {
    return `PagerDuty gave no answer in ${ms / 1000} s`;
  }
}
