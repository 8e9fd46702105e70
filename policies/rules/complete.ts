// Every secret has a class, an owner, somewhere to go, a proof that it arrived, and a way to end its predecessor.
import { destinations, shortName } from "./kinds.ts";
import { matchesAny, namesSchema } from "./patterns.ts";
import { stackRule, type Finding, type Placed } from "./rule.ts";
import { classes, secretOf, types } from "./run.ts";
import { given, groups, text, undecided } from "./values.ts";

export interface CompleteConfig {
  /** Names of resources or secrets that are not rotated by this stack; "*" stands for anything. */
  except: string[];
}

/** Old versions and keys are kept by these themselves, until a later step ends them. */
const overlapping = new Set(["rotation:index:KeySet", "rotation:vault:TransitRotation"]);

const application = "secret-rotation:index:Application";

export const complete = stackRule<CompleteConfig>({
  name: "secret-complete",
  description:
    "Every secret has a class, an owner, a destination, a verification where something consumes it, and an overlap or a cut-over.",
  severity: "high",
  defaults: { except: [] },
  schema: { except: namesSchema("Names of secrets that this stack does not rotate") },
  checkStack(resources, { except }) {
    const parts = new Map<string, Placed[]>();
    const findings: Finding[] = [];
    for (const resource of resources) {
      const secret = secretOf(resource.name);
      if (matchesAny(except, resource.name) || (secret !== undefined && matchesAny(except, secret))) continue;
      if (secret !== undefined) parts.set(secret, [...(parts.get(secret) ?? []), resource]);
      else if (resource.type in destinations)
        findings.push({
          message: `${resource.name} (${shortName(resource.type)}) is rotated by no schedule: name it <application>/<secret>/<part> and declare the secret, or list it under except`,
          urn: resource.urn,
        });
    }
    for (const [secret, own] of parts) findings.push(...missing(secret, own, resources));
    return findings;
  },
});

function missing(secret: string, own: Placed[], resources: Placed[]): Finding[] {
  const schedule = own.find(({ type }) => type === types.schedule);
  // What a transit key has encrypted is all that ever meets it: the key itself never leaves Vault.
  const targets = own.filter(({ type }) => type in destinations || type === "rotation:vault:Reencryption");
  // An issued credential overlaps at its service: two are valid there until a revocation ends one.
  const overlap = own.find(({ type }) => type === types.overlap || type === types.credential || overlapping.has(type));
  const [first] = [...targets, ...(overlap ? [overlap] : [])];
  if (!schedule)
    return first
      ? [{ message: `${secret} has no schedule, so nothing rotates it: declare it by a component`, urn: first.urn }]
      : [];

  const said: string[] = [];
  if (!undecided(schedule.properties, "class") && !classes.some((level) => level === schedule.properties["class"]))
    said.push(`has no class: type one of ${classes.join(", ")}`);
  if (!owned(secret, schedule, resources)) said.push("has no owner: type the team or the address that answers for it");
  if (targets.length === 0) said.push("has no destination, so nobody can use it: type at least one");
  if (!overlap) said.push('has neither an overlap nor a cut-over: type overlap: { graceHours } or "cut-over"');
  said.push(...unproven(own, targets));
  return said.map((what) => ({ message: `${secret} ${what}`, urn: schedule.urn }));
}

function unproven(own: Placed[], targets: Placed[]): string[] {
  const services = targets.filter(({ type }) => destinations[type]?.consumer === "service");
  if (services.length === 0) return [];
  const verification = own.find(({ type }) => type === types.verification);
  if (!verification) return ["is consumed by a service and never verified: declare a Verification behind its rollouts"];
  const { properties } = verification;
  const asks = ["health", "proofs"].some((name) => {
    const value = properties[name];
    return undecided(properties, name) || (Array.isArray(value) && value.length > 0);
  });
  return asks ? [] : ["has a verification that asks nobody: give its services a health URL or a proof URL"];
}

/** By the schedule itself, else by the inventory that the application's component shows once everything is known. */
function owned(secret: string, schedule: Placed, resources: Placed[]): boolean {
  if (given(schedule.properties, "owner")) return true;
  const [label, name] = secret.split("/");
  const component = resources.find((resource) => resource.type === application && resource.name === label);
  if (!component) return false;
  if (undecided(component.properties, "inventory")) return true;
  const inventory = component.properties["inventory"];
  // Registered only at the end of a run; in between it says nothing.
  if (!Array.isArray(inventory) || inventory.some((row) => typeof row === "symbol")) return true;
  return groups(component.properties, "inventory").some(
    (row) => text(row, "secret") === name && (given(row, "owner") || undecided(row, "owner")),
  );
}
