// What each kind of resource has to say to the audit trail when a step of it has happened. Fingerprints, references
// and names only.
import { fingerprint } from "../proof.ts";
import { flag, list, number, object, text } from "../resources/inputs.ts";
import type { Properties } from "../wire/contract.ts";
import { reveal } from "../wire/values.ts";
import { askedIn, fingerprintIn, type Fact } from "./facts.ts";
import type { AuditAction, AuditEntry, AuditEvent, Asked } from "./record.ts";

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

type Said = { event: AuditEvent; key: string } & Partial<AuditEntry>;
type Tell = (step: Step) => Said[];

const tells: Record<string, Tell> = {
  "rotation:index:Schedule": clock,
  "rotation:index:Overlap": overlap,
  "rotation:index:Credential": credential,
  "rotation:index:KeySet": keySet,
  "rotation:vault:TransitRotation": transit,
  "rotation:vault:Reencryption": ({ outputs, fact }) => [
    {
      event: "reencrypted",
      key: `v${number(outputs, "version", 1)}`,
      to: `v${number(outputs, "version", 1)}`,
      ...(fact.generation ? { generation: fact.generation } : {}),
      detail: `${number(outputs, "rows", 0)} rows and ${number(outputs, "entries", 0)} entries`,
    },
  ],
  "rotation:vault:TransitMinimum": ({ oldInputs, inputs, fact }) =>
    number(inputs, "minimum", 0) > number(oldInputs, "minimum", 0)
      ? [
          {
            event: "ended",
            key: `v${number(inputs, "minimum", 0)}`,
            ...before(fact.generation),
            detail: `nothing older than version ${number(inputs, "minimum", 0)} decrypts any more`,
          },
        ]
      : [],
  "rotation:vault:KeyPair": ({ inputs, outputs }) => [
    {
      event: "written",
      key: `version ${number(outputs, "version", 0)}`,
      generation: number(inputs, "generation", 1),
      destinations: [`vault:${text(inputs, "mount")}/${text(inputs, "path")}`],
      detail: `${text(inputs, "reference")} is the primary key of version ${number(outputs, "version", 0)}`,
    },
  ],
  "rotation:vault:KeyPairEnd": ({ oldOutputs, inputs, outputs }) =>
    flag(outputs, "ended") && !flag(oldOutputs, "ended")
      ? [
          {
            event: "written",
            key: `without ${number(inputs, "generation", 1) - 1}`,
            generation: number(inputs, "generation", 1),
            destinations: [`vault:${text(inputs, "mount")}/${text(inputs, "path")}`],
            detail: "the key that has ended is out of the entry",
          },
        ]
      : [],
  "rotation:render:EnvVar": written,
  "rotation:vercel:EnvVar": written,
  "rotation:render:Deploy": rolledOut("deployId"),
  "rotation:vercel:Deployment": rolledOut("deploymentId"),
  "rotation:kubernetes:Restart": rolledOut("revision"),
  "rotation:index:Verification": ({ inputs, outputs, fact }) => [
    {
      event: "verified",
      key: `${text(inputs, "fingerprint")} ${flag(inputs, "holds") ? "with" : "without"} the previous`,
      to: text(inputs, "fingerprint"),
      ...(fact.generation ? { generation: fact.generation } : {}),
      destinations: list(inputs, "destinations"),
      checks: [...list(outputs, "consumers"), ...list(inputs, "health").map((url) => `well: ${url}`)],
    },
  ],
  "rotation:index:Revocation": revocation,
  "rotation:index:Notice": notice,
  "rotation:supabase:LegacyKeys": ({ inputs }) => [
    {
      event: flag(inputs, "enabled") ? "written" : "ended",
      key: String(flag(inputs, "enabled")),
      detail: `the legacy keys of ${text(inputs, "projectRef")} are ${flag(inputs, "enabled") ? "on" : "off"}`,
    },
  ],
};

/** Whether steps of this kind are recorded. */
export function isAudited(token: string): boolean {
  return token in tells || token === "rotation:index:Precheck";
}

/** Entries for one step; none when nothing happened that anybody would ask for. */
export function entriesOf(step: Step, seconds: number): AuditEntry[] {
  const said = step.op === "delete" ? removed(step) : (tells[step.token]?.(step) ?? []);
  const detail = (own: string | undefined): string => [own ?? "", ...step.warnings].filter((each) => each).join(" ");
  return said.map((each, index) => ({
    secret: step.secret,
    resource: step.name,
    ...each,
    seconds: Math.round(seconds * 1000) / 1000,
    // Warnings belong to the step, not to each of its records.
    ...(detail(each.detail) && index === 0 ? { detail: detail(each.detail) } : {}),
  }));
}

function clock({ op, oldInputs, inputs, fact }: Step): Said[] {
  const [window, generation] = [text(inputs, "window"), number(inputs, "generation", 1)];
  const raised = generation > number(oldInputs, "generation", 1);
  if (op === "update" && !raised && window === text(oldInputs, "window")) return [];
  const why = raised && op === "update" ? asked(fact.asked) : { action: op === "create" ? first(fact) : "scheduled" };
  const note = { detail: `${text(inputs, "class")}, ${text(inputs, "owner")}, due ${text(inputs, "dueAt")}` };
  return [{ event: "clock", key: `${window} ${generation}`, ...(why as Partial<Said>), ...note }];
}

function overlap(step: Step): Said[] {
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

function credential(step: Step): Said[] {
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

function keySet(step: Step): Said[] {
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

function transit(step: Step): Said[] {
  const { op, oldOutputs, outputs } = step;
  if (op === "update" && number(outputs, "latestVersion", 1) === number(oldOutputs, "latestVersion", 1)) return [];
  return [{ ...made(step, why(step)), until: "" }];
}

function written({ name, secret, op, oldInputs, inputs, outputs, fact, fingerprintKey }: Step): Said[] {
  const label = labelOf(name);
  const variable = text(inputs, "key");
  const print = (properties: Properties): string | undefined => {
    const value = reveal(properties["value"]);
    return typeof value === "string" && value !== "" && fingerprintKey
      ? fingerprint(fingerprintKey, secret, value)
      : undefined;
  };
  const [from, to] = [print(oldInputs), print(inputs)];
  const empty = text(inputs, "value") === "";
  if (op === "create" && empty) return [];
  const previous = name.endsWith("-previous");
  return [
    {
      event: empty ? "removed" : "written",
      key: text(outputs, "writtenAt"),
      destinations: [`${label}/${variable}`],
      // The variable beside it holds the value before.
      ...(previous ? before(fact.generation) : fact.generation ? { generation: fact.generation } : {}),
      ...(from ? { from } : {}),
      ...(to ? { to } : {}),
      ...(previous ? { detail: "the previous value, accepted beside the current one" } : {}),
    },
  ];
}

function rolledOut(id: string): Tell {
  return ({ name, outputs, fact }) => [
    {
      event: "rolledOut",
      key: text(outputs, id),
      destinations: [text(outputs, "deployment") || labelOf(name)],
      ...(fact.generation ? { generation: fact.generation } : {}),
      detail: `${text(outputs, id)} is ${text(outputs, "status")}`,
    },
  ];
}

function revocation({ oldOutputs, inputs, outputs }: Step): Said[] {
  const reference = text(inputs, "previousReference");
  if (reference === "") return [];
  const about = { ...before(number(inputs, "generation", 1)), detail: reference };
  if (outputs["done"] === true)
    return oldOutputs["done"] === true && text(oldOutputs, "previousReference") === reference
      ? []
      : [{ event: "revoked", key: reference, ...about }];
  const reason = text(outputs, "reason");
  return number(outputs, "held", 0) > 0
    ? [{ event: "held", key: reference, ...about, detail: `${reference}: ${reason}` }]
    : [];
}

function notice({ inputs, fact }: Step): Said[] {
  const phase = text(inputs, "phase");
  if (phase === "due" && text(inputs, "stage") === "") return [];
  return [
    {
      event: phase === "after" ? "completed" : "noticed",
      key: [phase, text(inputs, "stage"), text(inputs, "window"), number(inputs, "forced", 1), text(inputs, "restored")]
        .filter((each) => each !== "")
        .join(" "),
      ...(phase === "after" && fact.generation ? { generation: fact.generation } : {}),
      ...(phase === "after" && fact.fingerprint ? { to: fact.fingerprint } : {}),
    },
  ];
}

function removed({ token, name, oldOutputs }: Step): Said[] {
  if (/:(EnvVar)$/.test(token))
    return [{ event: "removed", key: labelOf(name), destinations: [`${labelOf(name)}/${text(oldOutputs, "key")}`] }];
  return /:(Schedule|Credential)$/.test(token)
    ? [{ event: "removed", key: token, detail: "the stack no longer looks after it" }]
    : [];
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

function before(generation: number | undefined): { generation?: number } {
  return generation && generation > 1 ? { generation: generation - 1 } : {};
}

/** `render:api` of `visapi/JWT_SECRET/render-api-previous`, `visapi/JWT_SECRET/rollout-api` is `api`. */
function labelOf(name: string): string {
  const last = (name.split("/").pop() ?? "").replace(/-previous$/, "");
  return last.replace(/^rollout-/, "").replace(/^(render|vercel)-/, "$1:");
}
