// Terraform's state, moved back in time, and what Terraform says that it did. Pure functions.

interface Instance {
  attributes: Record<string, unknown>;
}

interface StateResource {
  type: string;
  instances: Instance[];
}

/** Terraform's state file, version 4, as far as it is read here. */
interface TerraformState {
  version: number;
  serial: number;
  resources: StateResource[];
}

/**
 * The state as it would be, had it been made so many days earlier: every `time_rotating`, and the keepers that carry its
 * base. Terraform has no clock for tests; so what is due is made due by ageing what it remembers, and the provider
 * finds the time past at its next refresh, as it would on the day.
 * @param text the state file
 * @param days whole days
 * @throws Error when there is nothing to age
 */
export function aged(text: string, days: number): string {
  const state = JSON.parse(text) as TerraformState;
  if (state.version !== 4) throw new Error(`Terraform's state has version ${state.version}, and 4 is understood`);
  const back = (value: unknown): string =>
    new Date(Date.parse(String(value)) - days * 86_400_000).toISOString().replace(".000Z", "Z");
  let moved = 0;
  for (const { type, instances } of state.resources)
    for (const { attributes } of instances) {
      if (type === "time_rotating") {
        const end = back(attributes["rotation_rfc3339"]);
        const base = back(attributes["rfc3339"]);
        Object.assign(attributes, { rfc3339: base, id: base, rotation_rfc3339: end, ...fields(end) });
        moved++;
      }
      const keepers = attributes["keepers"] as { window?: string } | null | undefined;
      if (type === "random_password" && keepers?.window !== undefined) keepers.window = back(keepers.window);
    }
  if (moved === 0) throw new Error("Terraform's state holds no time_rotating");
  return `${JSON.stringify({ ...state, serial: state.serial + 1 }, undefined, 2)}\n`;
}

/** What `time_rotating` tells of the end of its window. */
function fields(end: string): Record<string, number> {
  const date = new Date(end);
  return {
    unix: Math.floor(date.getTime() / 1000),
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

/** How many resources an apply or a plan touched. */
export interface Changes {
  added: number;
  changed: number;
  destroyed: number;
}

/**
 * The counts that `terraform apply` closes with, or that `terraform plan` tells.
 * @returns undefined when the output tells none
 */
export function changes(output: string): Changes | undefined {
  if (/^No changes\./m.test(output) && !/^Apply complete!/m.test(output)) return { added: 0, changed: 0, destroyed: 0 };
  const found =
    /^Apply complete! Resources: (?:\d+ imported, )?(\d+) added, (\d+) changed, (\d+) destroyed\.$/m.exec(output) ??
    /^Plan: (?:\d+ to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy\.$/m.exec(output);
  if (!found) return undefined;
  return { added: Number(found[1]), changed: Number(found[2]), destroyed: Number(found[3]) };
}

/**
 * What rotating so many secrets that are due is: a clock that the refresh dropped and a password are made, the old
 * password goes, and Vault's secret gets a new version.
 */
export function rotating(secrets: number): Changes {
  return { added: 2 * secrets, changed: secrets, destroyed: secrets };
}
