// Who is told what: by kind of notice, class of secret and environment.
import { kinds, type Line, type NoticeKind } from "./message.ts";

export const channels = ["slack", "pagerduty", "email"] as const;
export type Channel = (typeof channels)[number];

/** One rule. What it leaves out is any. */
export interface Route {
  to: Channel;
  kinds?: NoticeKind[];
  classes?: string[];
  environments?: string[];
}

const classes = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
export const environments = ["production", "staging", "sandbox"];

/** Everything to Slack; what somebody must look at to PagerDuty, from production, and by e-mail. */
export const defaultRoutes: Route[] = [
  { to: "slack" },
  { to: "pagerduty", kinds: ["failed", "overdue"], environments: ["production"] },
  { to: "email", kinds: ["failed", "overdue", "soon"] },
];

/**
 * Reads the setting `rotation:notify`: a JSON list of routes.
 * @throws Error that says what is wrong, the value, and what to type
 */
export function readRoutes(setting: string | undefined): Route[] {
  if (!setting) return defaultRoutes;
  const like = `pulumi config set rotation:notify '[{"to":"slack"},{"to":"pagerduty","kinds":["failed"],"classes":["CRITICAL"],"environments":["production"]}]'`;
  let routes: unknown;
  try {
    routes = JSON.parse(setting);
  } catch {
    throw new Error(`rotation:notify is no JSON; type for instance: ${like}`);
  }
  if (!Array.isArray(routes)) throw new Error(`rotation:notify is no list of routes; type for instance: ${like}`);
  for (const route of routes as Record<string, unknown>[]) {
    const known: Record<string, readonly string[]> = { kinds, classes, environments };
    if (!(channels as readonly unknown[]).includes(route["to"]))
      throw new Error(
        `rotation:notify has a route to "${String(route["to"])}"; there are ${channels.join(", ")}: ${like}`,
      );
    for (const [key, value] of Object.entries(route)) {
      if (key === "to") continue;
      const allowed = known[key];
      if (!allowed)
        throw new Error(`rotation:notify has "${key}"; a route has to, kinds, classes, environments: ${like}`);
      const wrong = Array.isArray(value)
        ? (value as unknown[])
            .map((each) => JSON.stringify(each))
            .find((each) => !allowed.some((name) => each === `"${name}"`))
        : JSON.stringify(value);
      if (wrong !== undefined)
        throw new Error(`rotation:notify has ${key} ${wrong}; give a list of ${allowed.join(", ")}: ${like}`);
    }
  }
  return routes as Route[];
}

/** The lines that a channel is told; each once, whatever rules it fits. */
export function linesFor(channel: Channel, routes: readonly Route[], lines: readonly Line[]): Line[] {
  const fits = (value: string, list: readonly string[] | undefined): boolean =>
    // A line whose class is not known goes wherever one of any class would: rather once too often than unheard.
    list === undefined || value === "" || list.includes(value);
  const mine = routes.filter(({ to }) => to === channel);
  return lines.filter((line) =>
    mine.some(
      (route) =>
        (route.kinds === undefined || route.kinds.includes(line.kind)) &&
        fits(line.class, route.classes) &&
        fits(line.environment, route.environments),
    ),
  );
}
