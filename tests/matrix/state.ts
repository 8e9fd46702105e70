// What the stack remembers, read from its file: nothing in it that is compared here is secret.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stackName, type ApplicationName } from "../../sandbox/environment.ts";

export interface Resource {
  urn: string;
  type: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
}

export interface Memory {
  resources: Resource[];
  /** URNs of steps that a killed run left open. */
  pending: string[];
  locks: number;
}

export function readMemory(dir: string, application: ApplicationName): Memory {
  const root = join(dir, "state", ".pulumi");
  const file = join(root, "stacks", "secret-rotation", `${stackName(application)}.json`);
  if (!existsSync(file)) return { resources: [], pending: [], locks: 0 };
  const locks = join(root, "locks");
  const { checkpoint } = JSON.parse(readFileSync(file, "utf8")) as {
    checkpoint: { latest?: { resources?: Partial<Resource>[]; pending_operations?: { resource: { urn: string } }[] } };
  };
  return {
    resources: (checkpoint.latest?.resources ?? []).map(({ urn = "", type = "", inputs = {}, outputs = {} }) => ({
      ...{ urn, type, inputs, outputs },
    })),
    pending: (checkpoint.latest?.pending_operations ?? []).map(({ resource }) => resource.urn),
    locks: existsSync(locks)
      ? readdirSync(locks, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json")).length
      : 0,
  };
}

/** What the stack knows of one secret. */
export interface SecretMemory {
  /** `<application>/<secret>`. */
  secret: string;
  intervalDays: number;
  /** RFC 3339: when the current value's time began. */
  window: string;
  generation: number;
  fingerprint: string;
  /** Of an issued one: as its service calls it, and the one before while it is not done with. */
  reference: string | undefined;
  previousReference: string | undefined;
  /** Whether something of the generation before is still valid. */
  held: boolean;
  resources: Resource[];
}

export function secretsOf({ resources }: Memory): Map<string, SecretMemory> {
  const found = new Map<string, SecretMemory>();
  for (const { outputs } of resources.filter(({ type }) => type === "rotation:index:Schedule")) {
    const secret = String(outputs["secret"]);
    const own = resources.filter(({ urn: other }) => other.split("::").pop()?.startsWith(`${secret}/`));
    const outputsOf = (type: string): Record<string, unknown> | undefined =>
      own.find((resource) => resource.type === `rotation:${type}`)?.outputs;
    const material =
      ["index:Credential", "index:Overlap", "index:KeySet", "vault:TransitRotation"]
        .map(outputsOf)
        .find((outputs) => outputs !== undefined) ?? {};
    const revocation = outputsOf("index:Revocation");
    const minimum = outputsOf("vault:TransitMinimum");
    found.set(secret, {
      secret,
      intervalDays: Number(outputs["intervalDays"]),
      window: String(outputs["window"]),
      generation: Number(material["generation"] ?? 0),
      fingerprint: text(material["fingerprint"]) ?? "",
      reference: text(material["reference"]),
      previousReference: text(material["previousReference"]),
      held: revocation
        ? revocation["done"] !== true
        : material["holds"] === true || (minimum !== undefined && minimum["retireAt"] !== ""),
      resources: own,
    });
  }
  return found;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
