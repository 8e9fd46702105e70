// What the steps have to say that decide a rotation and make its value; and what every step is told of.
import { flag, list, number, object, text } from "../resources/inputs.ts";
import type { Properties } from "../wire/contract.ts";
import { askedIn, fingerprintIn, type Fact } from "./facts.ts";
import type { Asked, AuditAction, AuditEntry, AuditEvent } from "./record.ts";

/** A step that has happened. */
export interface Step {
  token: string;
  /** Of the resource: `visapi/JWT_SECRET/overlap`. */
  name: string;
  secret: string;
  op: "create" | "update" | "delete";
  /** {} at a creation. */
  oldInputs: Properties;
  oldOutputs: Properties;
  inputs: Properties;
  outputs: Properties;
  /** Of the secret, as the run knows it by now. */
  fact: Fact;
  /** The stack's key for fingerprints; without it values have none. */
  fingerprintKey: string | undefined;
  /** What the step warned of. */
  warnings: string[];
}

/** What it has to say: the trail adds whose it is. */
export type Said = { event: AuditEvent; key: string } & Partial<AuditEntry>;
export type Tell = (step: Step) => Said[];

export function clock({ op, oldInputs, inputs, fact }: Step): Said[] {
  const [window, generation] = [text(inputs, "window"), number(inputs, "generation", 1)];
  const raised = generation > number(oldInputs, "generation", 1);
  if (op === "update" && !raised && window === text(oldInputs, "window")) return [];
  const why = raised && op === "update" ? asked(fact.asked) : { action: op === "create" ? first(fact) : "scheduled" };
  const note = { detail: `${text(inputs, "class")}, ${text(inputs, "owner")}, due ${text(inputs, "dueAt")}` };
  return [{ event: "clock", key: `${window} ${generation}`, ...(why as Partial<Said>), ...note }];
}

export function overlap(step: Step): Said[] {
  const { op, oldInputs, oldOutputs, inputs, outputs } = step;
  const [generation, old] = [number(outputs, "generation", 1), number(oldOutputs, "generation", 0)];
  const said: Said[] = [];
  if (op === "create" || generation !== old) {
    const back = text(inputs, "restoredAt") !== text(oldInputs, "restoredAt") && op === "update";
    said.push({
      ...made(step, back ? rollback(object(inputs, "restore")) : why(step)),
      until: text(outputs, "retireAt"),
      ...(back
        ? { detail: `generation ${number(object(inputs, "restore"), "generation", 0)} came back from Vault` }
        : {}),
    });
  }
  const ended = (of: number, why: string): void => {
    if (of > 0) said.push({ event: "ended", key: `generation ${of}`, generation: of, detail: why });
  };
  if (flag(oldOutputs, "holds") && (generation !== old || !flag(outputs, "holds")))
    ended(old - 1, generation === old ? "its grace period is over" : "another value took its place before its end");
  if (generation !== old && op === "update" && why(step).action === "emergency" && !flag(outputs, "holds"))
    ended(old, "without grace: consumers are not given it any more");
  return said;
}

export function credential(step: Step): Said[] {
  const { op, oldInputs, inputs, outputs } = step;
  if (op === "update" && number(inputs, "generation", 1) === number(oldInputs, "generation", 1)) return [];
  const back = text(inputs, "restoredAt") !== text(oldInputs, "restoredAt") && op === "update";
  const previous = text(outputs, "previousReference");
  return [
    {
      ...made(step, back ? rollback(object(inputs, "restore")) : why(step)),
      until: previous === "" ? "" : text(inputs, "retireAt"),
      detail: `${text(outputs, "reference")}${previous ? `, beside ${previous}` : ""}${back ? ", which was there still" : ""}`,
    },
  ];
}

export function keySet(step: Step): Said[] {
  const { op, oldOutputs, outputs } = step;
  const said: Said[] = [];
  const generation = number(outputs, "generation", 1);
  if (op === "create" || generation !== number(oldOutputs, "generation", 1))
    said.push({ ...made(step, why(step)), until: text(outputs, "retireAt"), detail: `${text(outputs, "kid")} signs` });
  const retired = (of: Properties): string[] =>
    list<Properties>(object(of, "slots"), "retired").map((slot) => text(slot, "kid"));
  const gone = retired(oldOutputs).filter((kid) => !retired(outputs).includes(kid));
  if (gone.length > 0)
    said.push({
      event: "ended",
      key: gone.join(" "),
      ...before(generation),
      detail: `${gone.join(", ")} can be verified no longer`,
    });
  return said;
}

export function transit(step: Step): Said[] {
  const { op, oldOutputs, outputs } = step;
  if (op === "update" && number(outputs, "latestVersion", 1) === number(oldOutputs, "latestVersion", 1)) return [];
  return [{ ...made(step, why(step)), until: "" }];
}

/** The generation before this one, where there was one. */
export function before(generation: number | undefined): { generation?: number } {
  return generation && generation > 1 ? { generation: generation - 1 } : {};
}

/** What all makers say of a new value. */
function made({ token, oldOutputs, outputs }: Step, reason: Partial<Said>): Said {
  const from = Object.keys(oldOutputs).length > 0 ? fingerprintIn(token, oldOutputs) : "";
  const generation = number(outputs, "generation", 1);
  const to = fingerprintIn(token, outputs);
  return { event: "made", key: `generation ${generation}`, generation, ...(from ? { from } : {}), to, ...reason };
}

function why({ op, oldInputs, oldOutputs, inputs, fact }: Step): Partial<Said> {
  if (op === "create") return { action: first(fact) };
  // A key set remembers in its outputs what it has answered to.
  const old = number(oldOutputs, "forced", number(oldInputs, "forced", 1));
  return number(inputs, "forced", 1) > old ? asked(fact.asked) : { action: "scheduled" };
}

function asked(request: Asked | undefined): { action: AuditAction; asked?: Asked } {
  return request ? { action: request.action, asked: request } : { action: "requested" };
}

/** A value that a person brought is a hand-over, the first time too. */
function first(fact: Fact): AuditAction {
  return fact.asked?.action === "hand-over" ? "hand-over" : "first";
}

function rollback(restore: Properties): Partial<Said> {
  const request = askedIn({ ...restore, action: "rollback" });
  return { action: "rollback", ...(request ? { asked: request } : {}) };
}
