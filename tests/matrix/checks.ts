// What must hold once the runs after a fault have converged. Each sentence that comes back is one thing that does not.
import { fingerprint, prove, type ProofSource } from "../../provider/proof.ts";
import type { Field } from "./field.ts";
import { secretsOf, type SecretMemory } from "./state.ts";

export interface Expected {
  /** Generations before the cells were tried. */
  before: ReadonlyMap<string, number>;
  /** Those that were due: exactly one generation more. Others: none or, where a partner made them wait, one. */
  due: ReadonlySet<string>;
  /** RFC 3339: the time of the runs. */
  now: string;
  /** Whether the old generation had to end in these runs. */
  ends: boolean;
}

/** Secrets that the clock rotates: not those that a person must fetch, or ask for. */
export function byClock(secrets: ReadonlyMap<string, SecretMemory>): SecretMemory[] {
  return [...secrets.values()].filter(({ resources }) => {
    const schedule = resources.find(({ type }) => type === "rotation:index:Schedule");
    const asks = resources.some(({ inputs }) => inputs["phase"] === "due");
    return schedule?.inputs["onRequest"] !== true && !asks;
  });
}

/** @returns what does not hold; empty when all of it does */
export async function examine(field: Field, expected: Expected): Promise<string[]> {
  const memory = field.memory();
  const secrets = secretsOf(memory);
  const problems: string[] = [];
  if (memory.pending.length) problems.push(`operations are left open: ${memory.pending.map(last).join(", ")}`);
  if (memory.locks) problems.push(`${memory.locks} locks are left`);
  problems.push(...generations(secrets, expected));
  for (const secret of secrets.values()) problems.push(...(await agreement(field, secret)));
  problems.push(...(await proofs(field, secrets)), ...(await orphans(field, secrets)));
  problems.push(...((await field.of.examine?.(field)) ?? []));
  return problems;
}

function generations(secrets: ReadonlyMap<string, SecretMemory>, { before, due, now, ends }: Expected): string[] {
  const problems: string[] = [];
  for (const { secret, generation, window, intervalDays, held } of byClock(secrets)) {
    const old = before.get(secret) ?? 0;
    const most = old + 1;
    if (generation > most) problems.push(`${secret} was rotated ${generation - old} times`);
    if (due.has(secret) && generation < most) problems.push(`${secret} was not rotated`);
    const end = Date.parse(window) + intervalDays * 86_400_000;
    if (due.has(secret) && end < Date.parse(now))
      problems.push(`${secret} is older than its policy: since ${window}, ${intervalDays} days`);
    if (ends && !due.has(secret) && generation === old && held)
      problems.push(`${secret}: what was before generation ${generation} is not ended`);
  }
  return problems;
}

/** Vault, the state and every destination hold the same value. */
async function agreement(field: Field, memory: SecretMemory): Promise<string[]> {
  const { secret, fingerprint: known, resources } = memory;
  const place = field.of.placeOf(memory);
  const value = place && (await field.world.vaultField(place.path, place.field));
  if (!value) return place ? [`${secret} is lost: Vault holds no value`] : [];
  const key = field.world.sandbox.env["ROTATION_FINGERPRINT_KEY"] ?? "";
  const problems =
    known && fingerprint(key, secret, value) !== known ? [`${secret}: Vault holds another value than the state`] : [];
  for (const { type, inputs, urn } of resources) {
    if (last(urn).endsWith("-previous")) continue;
    const there = field.of.held?.(field, type, inputs);
    if (there !== undefined && there !== value) problems.push(`${secret}: ${last(urn)} holds another value than Vault`);
  }
  return problems;
}

/** Consumers prove that they use what Vault holds. */
async function proofs(field: Field, secrets: ReadonlyMap<string, SecretMemory>): Promise<string[]> {
  const asked = [...secrets.values()].flatMap((memory) => {
    const verification = memory.resources.find(({ type }) => type === "rotation:index:Verification");
    const place = field.of.placeOf(memory);
    const sources = (verification?.inputs["proofs"] ?? []) as ProofSource[];
    return place ? sources.map((source) => ({ secret: memory.secret, source, place })) : [];
  });
  const problems: string[] = [];
  for (const { secret, source, place } of asked)
    await prove(source, (await field.world.vaultField(place.path, place.field)) ?? "", 15).catch((error: Error) =>
      problems.push(`${secret}: ${error.message}`),
    );
  return problems;
}

/** Vendors accept exactly what the stack knows: the live credential of each secret, and the one before while it is held. */
async function orphans(field: Field, secrets: ReadonlyMap<string, SecretMemory>): Promise<string[]> {
  const wanted: Record<string, number> = {};
  for (const { resources, held: before } of secrets.values()) {
    const kind = resources.find(({ type }) => type === "rotation:index:Credential")?.inputs["kind"];
    if (typeof kind === "string") wanted[kind] = (wanted[kind] ?? 0) + (before ? 2 : 1);
  }
  const problems: string[] = [];
  for (const [kind, names] of Object.entries(await field.of.live(field)))
    if (kind in wanted && names.length !== wanted[kind])
      problems.push(`${kind}: ${names.length} are live (${names.join(", ")}) where ${wanted[kind]} should be`);
  return problems;
}

function last(urn: string): string {
  return urn.split("::").pop() ?? urn;
}
