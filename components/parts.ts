// An application with many secrets lives in several stacks, its parts: a self-managed backend writes a stack's whole
// state at every step, so what many secrets cost in one stack grows with the square of their number. Every part runs
// the same program and declares its own share of the inventory.
import * as pulumi from "@pulumi/pulumi";
import { createHash } from "node:crypto";

/** Config `<project>:part`: which of an application's stacks this is. */
export interface Part {
  /** 1 to `of`. */
  index: number;
  /** How many there are: 1 to 1000. Fixed once the first secret is made. */
  of: number;
}

/** What decides in which part a secret lives. */
export interface Shared {
  /** The secret's own name. */
  name: string;
  /** Another secret of the same application from which it is kept apart: both live in one part. */
  apartFrom?: string;
  /**
   * The label of the service that it restarts: a restart hands over all of a service's variables, also those that
   * another run has half written, so whatever restarts a service lives in one part. @default it restarts none
   */
  service?: string;
}

/** @throws RunError that says what to type */
export function readPart(config: pulumi.Config): Part | undefined {
  const part = config.getObject<Partial<Part>>("part");
  if (part === undefined) return undefined;
  const { index, of, ...others } = part;
  const whole = (value: unknown, most: number): value is number =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;
  if (!whole(of, 1000) || !whole(index, of) || Object.keys(others).length > 0)
    throw new pulumi.RunError(
      `part is ${JSON.stringify(part)}; give {index, of}, whole numbers with 1 <= index <= of <= 1000: pulumi config set --path part.index 1 && pulumi config set --path part.of 8`,
    );
  return { index, of };
}

/** The part, 1 to `of`, by a hash that is the same on every machine and in every version. */
export function partOf(unit: string, of: number): number {
  return (createHash("sha256").update(unit).digest().readUInt32BE(0) % of) + 1;
}

/**
 * The unit of each secret: what shares one is never split.
 * @param together labels of services that share secrets; each list is one unit
 * @returns by the secret's name
 * @throws RunError for what cannot be kept together
 */
export function unitsOf(rows: readonly Shared[], together: readonly (readonly string[])[] = []): Map<string, string> {
  const byName = new Map(rows.map((row) => [row.name, row]));
  const unitOfService = (label: string): string =>
    `service:${together.find((labels) => labels.includes(label))?.[0] ?? label}`;
  const unit = (row: Shared, seen: string[]): string => {
    if (seen.includes(row.name))
      throw new pulumi.RunError(
        `${[...seen, row.name].join(" is apart from ")}: that is a circle; let one of them name no other`,
      );
    const own = row.service === undefined ? undefined : unitOfService(row.service);
    if (row.apartFrom === undefined) return own ?? row.name;
    const partner = byName.get(row.apartFrom);
    if (!partner)
      throw new pulumi.RunError(`${row.name} is to be kept apart from "${row.apartFrom}", which is not in the list`);
    const theirs = unit(partner, [...seen, row.name]);
    if (own !== undefined && own !== theirs)
      throw new pulumi.RunError(
        `${row.name} restarts "${row.service}" and is kept apart from ${row.apartFrom}, which ${partner.service === undefined ? "restarts nothing" : `restarts "${partner.service}"`}: they cannot be in different parts. ${partner.service === undefined ? `Give ${row.apartFrom} the same service` : `Put both services together: new Application(name, stack, [["${row.service}", "${partner.service}"]])`}`,
      );
    return theirs;
  };
  return new Map(rows.map((row) => [row.name, unit(row, [])]));
}

/** The service's part, as `unitsOf` has it. */
export function partOfService(label: string, { of }: Part, together: readonly (readonly string[])[] = []): number {
  return partOf(`service:${together.find((labels) => labels.includes(label))?.[0] ?? label}`, of);
}

/** Names of the secrets that this stack's state holds now, without their application. */
export async function heldBy(application: string): Promise<string[]> {
  const stackName = pulumi.getStack();
  const { outputs } = (await pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", { stackName })) as {
    outputs?: Record<string, unknown>;
  };
  const prefix = `${application}/`;
  const names = Object.keys(outputs ?? {}).map((urn) => urn.split("::").slice(3).join("::"));
  return [
    ...new Set(
      names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length).split("/")[0] ?? ""),
    ),
  ];
}
