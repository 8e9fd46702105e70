// A reminder to people of what only they can fetch.
import type { Properties, Resource } from "../wire/contract.ts";
import type { Notices } from "../notices.ts";
import { required, text } from "./inputs.ts";

const day = 86_400_000;
/** Days before the due date at which whoever must fetch a new value is told. */
const aheadDays = 14;

/**
 * `rotation:index:Notice`
 *
 * Inputs: `secret`, `environment`, `window`, `dueAt`, `forced`. It remembers its `stage` ("", "soon" from two weeks
 * ahead, "overdue"), decided in `check`, and speaks when that changes. Never a value.
 */
export function notice(notices: Notices, clock: () => Date): Resource {
  const say = async (inputs: Properties, preview: boolean, warn: (message: string) => void): Promise<Properties> => {
    const stage = text(inputs, "stage") as "" | "soon" | "overdue";
    if (!preview && stage !== "") await notices.tell(stage, inputs, warn);
    return inputs;
  };
  return {
    token: "rotation:index:Notice",
    check: ({ inputs }) => ({
      inputs: { ...inputs, stage: stageOf(inputs, clock()) },
      failures: required(inputs, "secret", "environment"),
    }),
    diff: ({ oldInputs, inputs }) => ({
      // A due date that moves says nothing by itself; the stage does.
      changed: ["forced", "stage"].filter((key) => oldInputs[key] !== inputs[key]),
    }),
    create: async ({ inputs, preview, log }) => ({
      id: `${text(inputs, "secret")}/due`,
      outputs: await say(inputs, preview, log.warn),
    }),
    update: async ({ inputs, preview, log }) => say(inputs, preview, log.warn),
  };
}

function stageOf(inputs: Properties, now: Date): string {
  const left = Date.parse(text(inputs, "dueAt")) - now.getTime();
  return left < 0 ? "overdue" : left <= aheadDays * day ? "soon" : "";
}
