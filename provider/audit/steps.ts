// What each kind of resource has to say to the audit trail when a step of it has happened. Fingerprints, references
// and names only.
import { fingerprint } from "../proof.ts";
import { flag, list, number, text } from "../resources/inputs.ts";
import { finished } from "../resources/finished.ts";
import type { Properties } from "../wire/contract.ts";
import { reveal } from "../wire/values.ts";
import { before, clock, credential, keySet, overlap, transit, type Said, type Step, type Tell } from "./makers.ts";
import type { AuditEntry } from "./record.ts";

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
  "rotation:index:Precheck": ({ inputs }) => [{ event: "noticed", key: ["before", ...rotationOf(inputs)].join(" ") }],
  "rotation:index:Verification": ({ op, oldInputs, inputs, outputs, fact }) => [
    {
      event: "verified",
      key: `${text(inputs, "fingerprint")} ${flag(inputs, "holds") ? "with" : "without"} the previous`,
      to: text(inputs, "fingerprint"),
      ...(fact.generation ? { generation: fact.generation } : {}),
      destinations: list(inputs, "destinations"),
      checks: [...list(outputs, "consumers"), ...list(inputs, "health").map((url) => `well: ${url}`)],
    },
    ...(finished(inputs, op === "create" ? undefined : oldInputs)
      ? [
          {
            event: "completed" as const,
            key: ["after", ...rotationOf(inputs)].join(" "),
            ...(fact.generation ? { generation: fact.generation } : {}),
            ...(fact.fingerprint ? { to: fact.fingerprint } : {}),
          },
        ]
      : []),
  ],
  "rotation:index:Revocation": revocation,
  "rotation:index:Notice": ({ inputs }) =>
    text(inputs, "stage") === ""
      ? []
      : [{ event: "noticed", key: ["due", text(inputs, "stage"), ...rotationOf(inputs)].join(" ") }],
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
  return token in tells;
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

/** What tells one rotation of a secret from the next. */
function rotationOf(inputs: Properties): string[] {
  const parts = [text(inputs, "window"), String(number(inputs, "forced", 1)), text(inputs, "restored")];
  return parts.filter((each) => each !== "");
}

function removed({ token, name, oldOutputs }: Step): Said[] {
  if (/:(EnvVar)$/.test(token))
    return [{ event: "removed", key: labelOf(name), destinations: [`${labelOf(name)}/${text(oldOutputs, "key")}`] }];
  return /:(Schedule|Credential)$/.test(token)
    ? [{ event: "removed", key: token, detail: "the stack no longer looks after it" }]
    : [];
}

/** `render:api` of `visapi/JWT_SECRET/render-api-previous`, `visapi/JWT_SECRET/rollout-api` is `api`. */
function labelOf(name: string): string {
  const last = (name.split("/").pop() ?? "").replace(/-previous$/, "");
  return last.replace(/^rollout-/, "").replace(/^(render|vercel)-/, "$1:");
}
