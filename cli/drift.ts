// What destinations hold otherwise than the stack remembers, and how it gets back there. The engine asks each of them
// (`pulumi refresh --preview-only`): Render by the value, Kubernetes by the keys that are ours, Vault by its version,
// GitHub and Vercel, which never show a value, by the time of the last change.
import type { Vault } from "../provider/vendors/vault.ts";
import type { Preview } from "./digest.ts";
import { Failure } from "./command.ts";
import { targetArguments, type Engine, type State, type StateResource } from "./engine.ts";
import { destinationOf, nameOf, secretOf, type Row } from "./inventory.ts";

export interface Drifted {
  secret: string;
  /** Name of the resource: `visapi/JWT_SECRET/render-api`. */
  resource: string;
  urn: string;
  /** `render:api`, `vault:secret`, ... */
  place: string;
  /** For people, after the place: `is gone`, `was changed by somebody else`. */
  what: string;
}

/**
 * Asks every destination; changes nothing, not even the state.
 * @param secrets full names; empty: all
 * @param vault whose versions are compared too
 * @throws Failure when one does not answer
 */
export async function findDrift(
  engine: Engine,
  state: State,
  secrets: string[],
  vault?: Pick<Vault, "metadata">,
): Promise<Drifted[]> {
  const ran = await engine.run(["refresh", "--preview-only", "--json", ...targetArguments(secrets)]);
  let steps: Preview["steps"];
  try {
    ({ steps } = JSON.parse(ran.stdout) as Preview);
  } catch {
    throw new Failure(`The destinations could not be asked: ${(ran.stderr || ran.stdout).trim().slice(0, 2000)}`);
  }
  if (ran.code !== 0) throw new Failure(`The destinations could not be asked: ${ran.stderr.trim().slice(0, 2000)}`);
  const known = new Map(state.resources.map((resource) => [resource.urn, resource]));
  const inVault = vault ? await vaultDrift(vault, state, secrets) : [];
  const found = (steps ?? []).flatMap(({ op, urn }) => {
    const resource = known.get(urn);
    const place = resource && destinationOf(resource);
    const name = nameOf(urn);
    const secret = secretOf(name);
    if (!place || !secret || ["same", "refresh", "read"].includes(op)) return [];
    return [{ secret, resource: name, urn, place, what: op === "delete" ? "is gone" : "was changed by somebody else" }];
  });
  return [...inVault, ...found.filter(({ urn }) => !inVault.some((each) => each.urn === urn))];
}

/** A refresh takes note of Vault's versions and calls that no change, so they are compared here. */
async function vaultDrift(vault: Pick<Vault, "metadata">, state: State, secrets: string[]): Promise<Drifted[]> {
  const entries = state.resources.filter(({ type, urn }) => {
    const secret = secretOf(nameOf(urn));
    return type === "vault:kv/secretV2:SecretV2" && secret && (secrets.length === 0 || secrets.includes(secret));
  });
  const looked = await Promise.all(
    entries.map(async (resource): Promise<Drifted[]> => {
      const { inputs = {}, outputs = {}, urn } = resource;
      const ours = Number((outputs["metadata"] as Record<string, string> | undefined)?.["version"] ?? 0);
      const there = await vault.metadata(String(inputs["mount"]), String(inputs["name"]));
      const newest = there?.versions.find(({ version }) => version === there.currentVersion);
      const gone = !there || newest?.state !== "readable";
      if (ours === 0 || (!gone && there.currentVersion === ours)) return [];
      const resourceName = nameOf(urn);
      const what = gone ? "is gone" : "was changed by somebody else";
      const place = destinationOf(resource) ?? "vault";
      return [{ secret: secretOf(resourceName) ?? "", resource: resourceName, urn, place, what }];
    }),
  );
  return looked.flat();
}

/**
 * Vault's entries are put back here: the engine's provider does not look at values, so it would not write them again.
 * What the version that we wrote holds becomes the newest one; a version that was deleted is brought back.
 * @throws Failure when it was destroyed, or somebody writes at the same time
 */
export async function restoreInVault(vault: Vault, resource: StateResource): Promise<void> {
  const { inputs = {}, outputs = {}, urn } = resource;
  const [mount, path] = [String(inputs["mount"]), String(inputs["name"])];
  const ours = Number((outputs["metadata"] as Record<string, string> | undefined)?.["version"] ?? 0);
  const { currentVersion, versions = [] } = (await vault.metadata(mount, path)) ?? { currentVersion: 0 };
  const found = versions.find(({ version }) => version === ours);
  // All of it is gone: the refresh forgets it, and the run makes it anew.
  if (currentVersion === 0) return;
  const lost = new Failure(
    `${nameOf(urn)}: Vault no longer has version ${ours} of ${mount}/${path}, which the stack wrote. Nothing can bring it back; rotate to a new value: rotate emergency --secret ${nameOf(urn).split("/")[1] ?? ""} --grace --reason "..."`,
  );
  if (!found || found.state === "destroyed") throw lost;
  if (found.state === "deleted") await vault.undelete(mount, path, [ours]);
  if (currentVersion === ours) return;
  const entry = await vault.read(mount, path, ours);
  if (!entry) throw lost;
  if (!(await vault.write(mount, path, entry.data, currentVersion)))
    throw new Failure(
      `${mount}/${path} was written by somebody else in this moment. Look who does that, and run again.`,
    );
}

/**
 * Tells the stack what is really there, so that its next run writes what should be. Only what has drifted is asked.
 * @throws Failure with what the engine said
 */
export async function takeNote(engine: Engine, drifted: Drifted[]): Promise<void> {
  const targets = drifted.flatMap(({ urn }) => ["--target", urn]);
  const ran = await engine.run(["refresh", "--yes", "--skip-preview", ...targets]);
  if (ran.code !== 0)
    throw new Failure(`The stack could not be refreshed: ${(ran.stderr || ran.stdout).trim().slice(0, 2000)}`);
}

/** What `rotate drift` has found and nobody has pushed yet: kept in the stack's configuration, for `rotate status`. */
export interface Noted {
  /** `render:api is gone; ...` */
  what: string;
  /** RFC 3339. */
  at: string;
}

/** By secret. */
export function noted(drifted: Drifted[], at: string): Map<string, Noted> {
  const all = new Map<string, Noted>();
  for (const { secret, place, what } of drifted) {
    const before = all.get(secret)?.what;
    const line = `${place} ${what}`;
    all.set(secret, { what: before && before !== line ? `${before}; ${line}` : line, at });
  }
  return all;
}

/** The inventory with what was found and not pushed yet; what is worse already stays so, and says it as well. */
export function withDrift(rows: Row[], entries: Record<string, Noted>): Row[] {
  return rows.map((row) => {
    const drifted = entries[row.name];
    if (!drifted) return row;
    const why = `${drifted.what}, seen at ${drifted.at}; put it back: rotate drift ${row.secret} --push`;
    return row.state === "unfinished" || row.state === "overdue"
      ? { ...row, why: [row.why, why].filter((each) => each).join("; ") }
      : { ...row, state: "drifted", why };
  });
}
