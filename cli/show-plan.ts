// A plan as text for the terminal, and as Markdown for a pull request.
import { columns } from "./columns.ts";
import type { Plan, PlannedSecret } from "./digest.ts";
import { about } from "./limits.ts";

const effects = (plan: Plan): PlannedSecret[] => plan.secrets.filter(({ what }) => what !== "settings changed");

function day(date: string): string {
  return date.slice(0, 10);
}

/** `2027-02-03 -> 2027-04-01`, `first 2027-04-01`, or what stays. */
function dates({ from, to, what }: PlannedSecret): string {
  if (what === "created") return `since ${day(to)}`;
  return from !== to && to ? `${day(from)} -> ${day(to)}` : day(from || to);
}

/** What the consumers feel. */
function felt({ cutOver, previousUntil, what }: PlannedSecret): string {
  if (cutOver) return "cut-over: whoever uses the old value at the restart is refused";
  if (previousUntil) return `both values are accepted until ${previousUntil.slice(0, 16)}Z`;
  return what === "previous value ends" ? "whoever still uses the previous value is refused" : "";
}

/** The steps of the run in the words of a runbook, in the order in which they happen. */
export function order(plan: Plan): string[] {
  const doing = effects(plan);
  const rotating = doing.filter(({ what }) => what === "rotated" || what === "created");
  const names = (secrets: PlannedSecret[]): string => secrets.map(({ name }) => name).join(", ");
  const steps: string[] = [];
  if (rotating.length > 0) {
    steps.push("ask every consumer whether it is well, and tell Slack that rotation starts");
    steps.push(`make the new values: ${names(rotating)}`);
  }
  const ending = doing.filter(({ what }) => what === "previous value ends");
  if (ending.length > 0)
    steps.push(`have every consumer prove the current value, then end the previous one: ${names(ending)}`);
  const destinations = [...new Set(doing.flatMap((secret) => secret.destinations))];
  const first = destinations.filter((destination) => destination.startsWith("vault:"));
  const later = destinations.filter((destination) => !destination.startsWith("vault:"));
  if (first.length > 0) steps.push(`write ${first.join(", ")}, the system of record`);
  if (later.length > 0) steps.push(`write ${later.join(", ")}`);
  for (const { rollout, secrets } of plan.consumers)
    steps.push(`restart ${rollout} once for ${secrets.length === 1 ? secrets[0] : `${secrets.length} secrets`}`);
  const proves = [...new Set(doing.flatMap((secret) => secret.proves))];
  if (doing.length > 0)
    steps.push(`verify: health${proves.length > 0 ? `, and a proof of the new value by ${proves.join(", ")}` : ""}`);
  if (rotating.length > 0) steps.push("tell Slack that it is done");
  return steps;
}

function summary(plan: Plan): string {
  const doing = effects(plan);
  if (doing.length === 0)
    return plan.secrets.length > 0
      ? `Nothing rotates. Only declarations change: ${plan.secrets.map(({ name }) => name).join(", ")}.`
      : "Nothing is due. The next run changes nothing.";
  const counts = new Map<string, number>();
  for (const { what } of doing) counts.set(what, (counts.get(what) ?? 0) + 1);
  return `The next run: ${[...counts].map(([what, count]) => `${count} ${what}`).join(", ")}; ${about(plan.seconds)} (a deploy counted as 3 minutes at Render, 2 at Vercel).`;
}

export function planText(plan: Plan): string {
  const doing = effects(plan);
  const parts = [summary(plan)];
  if (doing.length > 0) {
    const rows = doing.map((each) => [each.name, each.class, each.what, dates(each), each.why]);
    parts.push(columns(["secret", "class", "what", "window", "why"], rows));
    const noted = doing.filter((each) => felt(each) !== "").map((each) => `  ${each.name}: ${felt(each)}`);
    if (noted.length > 0) parts.push(["What consumers notice", ...noted].join("\n"));
    parts.push(["In this order", ...order(plan).map((step, at) => `  ${at + 1}. ${step}`)].join("\n"));
    const used = plan.loads.map((load) => [
      load.vendor,
      load.class,
      String(load.calls),
      load.limit,
      load.waits > 0 ? about(load.waits) : "none",
    ]);
    parts.push(columns(["vendor", "limit", "calls", "allowed", "waiting"], used));
  }
  if (plan.held.length > 0) parts.push(["Held", ...plan.held.map(({ name, why }) => `  ${name}: ${why}`)].join("\n"));
  if (plan.warnings.length > 0) parts.push(["Warnings", ...plan.warnings.map((each) => `  ${each}`)].join("\n"));
  return parts.join("\n\n");
}

export function planMarkdown(plan: Plan): string {
  const doing = effects(plan);
  const parts = ["### Secret rotation", summary(plan)];
  const grid = (head: string[], body: string[][]): string =>
    [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n");
  if (doing.length > 0) {
    parts.push(
      grid(
        ["Secret", "Class", "What", "Window", "Why", "Consumers notice"],
        doing.map((each) => [
          `\`${each.name}\``,
          each.class,
          each.what,
          dates(each),
          each.why,
          felt(each) || "nothing",
        ]),
      ),
      ["**In this order**", "", ...order(plan).map((step, at) => `${at + 1}. ${step}`)].join("\n"),
      grid(
        ["Vendor", "Calls", "Allowed", "Waiting"],
        plan.loads.map((load) => [
          `${load.vendor} (${load.class})`,
          String(load.calls),
          load.limit,
          load.waits > 0 ? about(load.waits) : "none",
        ]),
      ),
    );
  }
  if (plan.held.length > 0)
    parts.push(["**Held**", "", ...plan.held.map(({ name, why }) => `- \`${name}\`: ${why}`)].join("\n"));
  if (plan.warnings.length > 0)
    parts.push(["**Warnings**", "", ...plan.warnings.map((each) => `- ${each}`)].join("\n"));
  return parts.join("\n\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
