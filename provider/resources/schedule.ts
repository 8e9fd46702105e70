// The clock of one secret: decides in `check`, so that previews know the outcome, and remembers in its inputs.
// Never replaced: the engine checks a replacement without old inputs, and the window would be forgotten.
import { decide, TermsError, validate, type Decision, type Memory, type Terms } from "../schedule/decide.ts";
import { parseInstant } from "../schedule/terms.ts";
import type { Failure, Properties, Resource } from "../wire/contract.ts";
import { hasUnknown, same, unknown } from "../wire/values.ts";
import { madeBefore, type Kept, type Versions } from "../backup.ts";
import { text } from "./inputs.ts";

const classes = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];
const declared = [
  "secret",
  "class",
  "owner",
  "intervalDays",
  "leadHours",
  "hours",
  "noticeHours",
  "generation",
  "onRequest",
  "apartFrom",
  "adopted",
  "anchor",
  "asked",
  "place",
];
const decided = ["window", "dueAt", "announced"];
const shown = ["secret", "class", "owner", "intervalDays", "generation", ...decided];

/**
 * `rotation:index:Schedule`. Inputs: `secret` (name), `class`, `owner` (who answers for it), and the `Terms` of `provider/schedule/terms.ts`, where
 * `generation` is 1 and `anchor` is the secret's name when left out. Adds `window`, `dueAt` and, while a rotation is
 * announced, `announced` (RFC 3339). Its id is the secret's name at creation. `asked` (`{action, by, reason, at}`: a
 * person's request, as the configuration has it) is for the audit trail alone and changes nothing. `place`
 * (`{mount, path}`) is where Vault has it: a schedule is not created for what is there already, made by a stack whose
 * state this one does not have, unless `adopted` says that this very value is taken over.
 * @param clock the time of the run; to be the same throughout a run
 * @param vault asked at creation only
 */
export function schedule(clock: () => Date, vault: () => Pick<Versions, "metadata">): Resource {
  return {
    token: "rotation:index:Schedule",

    check({ inputs: given, oldInputs, log }) {
      const inputs: Properties = { generation: 1, ...present(given) };
      // Of this run only: remembering it would make a partner's rotation look like a change of this secret.
      const apartFrom = inputs["apartFrom"];
      delete inputs["apartFrom"];
      const failures = foreign(given);
      if (hasUnknown(inputs)) return { inputs: { ...inputs, window: unknown, dueAt: unknown }, failures };

      const terms = { anchor: inputs["secret"], ...inputs, apartFrom: hasUnknown(apartFrom) ? undefined : apartFrom };
      failures.push(
        ...named(inputs),
        ...validate(terms).filter(({ property }) => property !== "anchor" || inputs["anchor"] !== undefined),
      );
      if (failures.length > 0) return { inputs, failures };

      const now = clock();
      try {
        const decision = decide(memoryOf(oldInputs), terms as unknown as Terms, now);
        tell(decision, now, log);
        return { inputs: { ...inputs, ...decision.memory, dueAt: decision.dueAt } };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return { inputs, failures: [error instanceof TermsError ? { property: error.property, reason } : { reason }] };
      }
    },

    diff({ oldInputs, inputs, ignoreChanges }) {
      const names = [...declared, ...decided].filter(
        (name) => !["apartFrom", "asked", "place"].includes(name) && !ignoreChanges.includes(name),
      );
      return { changed: names.filter((name) => !same(oldInputs[name], inputs[name])) };
    },

    async create({ inputs, preview }) {
      const secret = text(inputs, "secret");
      const place = inputs["place"] as Kept | undefined;
      const asked = !preview && place !== undefined && inputs["adopted"] === undefined;
      const generation = asked ? await madeBefore(vault(), place) : undefined;
      if (asked && generation !== undefined)
        throw new Error(
          `${secret} is not made anew: ${place.mount}/${place.path} in Vault holds its generation ${generation}, which the state of this stack does not know: that state was lost, or another stack keeps the entry. Nothing was changed. Take over what is in use: rotate adopt ${secret.replace(/^.*\//, "")} --from-vault. To begin anew all the same, remove the entry first: vault kv metadata delete -mount=${place.mount} ${place.path}`,
        );
      return { id: secret, outputs: outputs(inputs) };
    },
    update: async ({ inputs }) => outputs(inputs),
    read: async ({ id, inputs, outputs }) => ({ id, inputs, outputs }),
  };
}

function present(properties: Properties): Properties {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== null && value !== undefined));
}

function outputs(inputs: Properties): Properties {
  return Object.fromEntries(shown.filter((name) => inputs[name] !== undefined).map((name) => [name, inputs[name]]));
}

function memoryOf(oldInputs: Properties | undefined): Memory | undefined {
  const { window, generation, announced } = oldInputs ?? {};
  if (typeof window !== "string" || typeof generation !== "number") return undefined;
  return typeof announced === "string" ? { window, generation, announced } : { window, generation };
}

function foreign(inputs: Properties): Failure[] {
  return Object.keys(inputs)
    .filter((property) => !declared.includes(property))
    .map((property) => ({
      property,
      reason: decided.includes(property)
        ? `${property} is decided by the schedule: leave it out`
        : `a schedule has no input "${property}"; it has ${declared.join(", ")}`,
    }));
}

function named(inputs: Properties): Failure[] {
  const failures: Failure[] = [];
  const { secret, class: level } = inputs;
  if (typeof secret !== "string" || !/^\S+$/.test(secret))
    failures.push({
      property: "secret",
      reason: `secret must be the secret's name, not ${JSON.stringify(secret)}; type for instance "visapi/JWT_SECRET"`,
    });
  if (typeof level !== "string" || !classes.includes(level))
    failures.push({
      property: "class",
      reason: `class must be one of ${classes.join(", ")}, not ${JSON.stringify(level)}`,
    });
  return failures;
}

/** Says what happens, and warns of what should have happened: a held secret has no diff that would show it. */
function tell(decision: Decision, now: Date, log: { info(message: string): void; warn(message: string): void }): void {
  const overdue = parseInstant(decision.dueAt) < now.getTime();
  if (decision.rotate) log.info(decision.reason);
  else if (decision.held && (decision.held !== "on request" || overdue)) log.warn(decision.reason);
}
