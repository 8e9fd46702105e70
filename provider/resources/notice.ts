// A message to people at one point of a rotation.
import type { Properties, Resource } from "../wire/contract.ts";
import type { Notices } from "../notices.ts";
import type { NoticeKind } from "../notify/message.ts";
import { number, required, text } from "./inputs.ts";

const day = 86_400_000;
/** Days before the due date at which whoever must fetch a new value is told. */
const aheadDays = 14;
const watched = ["phase", "window", "forced", "restored", "stage"];

/**
 * `rotation:index:Notice`
 *
 * Inputs: `phase` ("before", "after", or "due" for a secret that a person must fetch), `secret`, `environment`,
 * `window`, `forced` and `restored` (what makes it speak), `dueAt`. A "due" notice remembers its `stage` ("", "soon"
 * from two weeks ahead, "overdue"), decided in `check`, and speaks when that changes. Never a value. What one run has
 * to say goes out as one message; one that cannot be sent is a warning.
 */
export function notice(notices: Notices, clock: () => Date): Resource {
  const say = async (
    inputs: Properties,
    heading: NoticeKind | "",
    preview: boolean,
    warn: (message: string) => void,
  ): Promise<Properties> => {
    if (preview || heading === "") return inputs;
    const [secret, environment] = [text(inputs, "secret"), text(inputs, "environment")];
    const problem = await notices.say(heading, secret, environment, lineOf(inputs, heading));
    if (problem) warn(`The notice about ${secret} could not be sent: ${problem}. The rotation goes on.`);
    return inputs;
  };
  /** A "due" notice has its stage as heading; the others their phase, or that of a rollback. */
  const headingOf = (inputs: Properties, old?: Properties): NoticeKind | "" =>
    text(inputs, "phase") === "due"
      ? (text(inputs, "stage") as "soon" | "overdue" | "")
      : old && text(inputs, "restored") !== text(old, "restored") && old["window"] === inputs["window"]
        ? "restored"
        : (text(inputs, "phase") as "before" | "after");
  return {
    token: "rotation:index:Notice",
    check: ({ inputs }) => ({
      inputs: text(inputs, "phase") === "due" ? { ...inputs, stage: stageOf(inputs, clock()) } : inputs,
      failures: [
        ...required(inputs, "phase", "secret", "environment"),
        ...(["before", "after", "due"].includes(text(inputs, "phase"))
          ? []
          : [{ property: "phase", reason: `phase is "${text(inputs, "phase")}"; give "before", "after" or "due"` }]),
      ],
    }),
    diff: ({ oldInputs, inputs }) => ({
      // A due date that moves says nothing by itself; the stage does.
      changed: watched.filter(
        (key) => oldInputs[key] !== inputs[key] && !(text(inputs, "phase") === "due" && key === "window"),
      ),
    }),
    create: async ({ inputs, preview, log }) => ({
      id: `${text(inputs, "secret")}/${text(inputs, "phase")}`,
      outputs: await say(inputs, headingOf(inputs), preview, log.warn),
    }),
    update: async ({ inputs, oldInputs, preview, log }) => say(inputs, headingOf(inputs, oldInputs), preview, log.warn),
  };
}

function stageOf(inputs: Properties, now: Date): string {
  const left = Date.parse(text(inputs, "dueAt")) - now.getTime();
  return left < 0 ? "overdue" : left <= aheadDays * day ? "soon" : "";
}

function lineOf(inputs: Properties, heading: string): string {
  const secret = text(inputs, "secret");
  const head = `${secret} (${text(inputs, "environment")})`;
  const due = text(inputs, "dueAt").slice(0, 10);
  if (heading === "restored") return `${head}, ${text(inputs, "restored")}`;
  if (heading === "soon" || heading === "overdue")
    return `${head} ${heading === "soon" ? "is" : "was"} due on ${due}: rotate hand-over ${secret.replace(/^[^/]*\//, "")}`;
  const forced = number(inputs, "forced", 1) > 1 ? `, generation ${number(inputs, "forced", 1)} asked for` : "";
  return `${head}${forced}${due && heading === "after" ? `, next due ${due}` : ""}`;
}
