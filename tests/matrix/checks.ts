// What must hold once the runs after a fault have converged. Each sentence that comes back is one thing that does not.
import { Redis } from "ioredis";
import { fingerprint, prove, type ProofSource } from "../../provider/proof.ts";
import type { Field } from "./field.ts";
import { readMemory, secretsOf, type Resource, type SecretMemory } from "./state.ts";

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
  const memory = readMemory(field.world.dir);
  const secrets = secretsOf(memory);
  const problems: string[] = [];
  if (memory.pending.length) problems.push(`operations are left open: ${memory.pending.map(last).join(", ")}`);
  if (memory.locks) problems.push(`${memory.locks} locks are left`);
  problems.push(...generations(secrets, expected));
  for (const secret of secrets.values()) problems.push(...(await agreement(field, secret)));
  problems.push(...(await proofs(field, secrets)), ...(await orphans(field, secrets)));
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
async function agreement(field: Field, { secret, fingerprint: known, resources }: SecretMemory): Promise<string[]> {
  const vaulted = resources.find(({ type }) => type === "vault:kv/secretV2:SecretV2");
  const value = vaulted && (await field.world.vaultField(String(vaulted.inputs["name"]), "value"));
  if (!value) return vaulted ? [`${secret} is lost: Vault holds no value`] : [];
  const key = field.world.sandbox.env["ROTATION_FINGERPRINT_KEY"] ?? "";
  const problems =
    known && fingerprint(key, secret, value) !== known ? [`${secret}: Vault holds another value than the state`] : [];
  for (const { type, inputs, urn } of resources) {
    if (last(urn).endsWith("-previous")) continue;
    const there = held(field, type, inputs);
    if (there !== undefined && there !== value) problems.push(`${secret}: ${last(urn)} holds another value than Vault`);
  }
  return problems;
}

function held(field: Field, type: string, inputs: Resource["inputs"]): string | undefined {
  const { render, vercel, github } = field.world.sandbox.simulators;
  const input = (name: string): string => (typeof inputs[name] === "string" ? inputs[name] : "");
  if (type === "rotation:render:EnvVar") return render.envVar(input("serviceId"), input("key")) ?? "nothing";
  if (type === "rotation:vercel:EnvVar") return vercel.envVar(input("projectId"), input("key")) ?? "nothing";
  if (type === "github:index/actionsSecret:ActionsSecret")
    return github.secretValue("visanet", input("repository"), input("secretName")) ?? "nothing";
  return undefined;
}

/** Consumers prove that they use what Vault holds. */
async function proofs(field: Field, secrets: ReadonlyMap<string, SecretMemory>): Promise<string[]> {
  const asked = [...secrets.values()].flatMap(({ secret, resources }) => {
    const verification = resources.find(({ type }) => type === "rotation:index:Verification");
    const path = resources.find(({ type }) => type === "vault:kv/secretV2:SecretV2")?.inputs["name"];
    const sources = (verification?.inputs["proofs"] ?? []) as ProofSource[];
    return typeof path === "string" ? sources.map((source) => ({ secret, source, path })) : [];
  });
  const problems: string[] = [];
  for (const { secret, source, path } of asked)
    await prove(source, (await field.world.vaultField(path, "value")) ?? "", 15).catch((error: Error) =>
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
  for (const [kind, names] of Object.entries(await liveCredentials(field)))
    if (kind in wanted && names.length !== wanted[kind])
      problems.push(`${kind}: ${names.length} are live (${names.join(", ")}) where ${wanted[kind]} should be`);
  return problems;
}

/** Names of what services accept and this stack made, by kind of credential. */
export async function liveCredentials(field: Field): Promise<Record<string, string[]>> {
  const { sandbox } = field.world;
  const { supabase, resend, vercel } = sandbox.simulators;
  const { SUPABASE_PROJECT_REF: ref = "", VISAPI_API_URL: api = "", VISAPI_ADMIN_API_KEY: key = "" } = sandbox.env;
  const ours = (names: string[]): string[] => names.filter((name) => /[-_]g\d+$/.test(name));
  const roles = await sandbox.postgres.query<{ name: string }>(
    "select rolname as name from pg_roles where rolcanlogin and rolname ~ '_[ab]$'",
  );
  const redis = new Redis(sandbox.redis.adminUrl, { lazyConnect: true, retryStrategy: () => null });
  await redis.connect();
  const users = ((await redis.call("ACL", "LIST")) as string[])
    .filter((line) => / on /.test(line))
    .map((line) => line.split(" ")[1] ?? "")
    .filter((name) => /_[ab]$/.test(name));
  redis.disconnect();
  const answer = await fetch(`${api}/api/v1/api-keys`, { headers: { "x-api-key": key, connection: "close" } });
  const keys = (await answer.json()) as { name: string }[];
  return {
    "postgres-login": roles.map(({ name }) => name),
    "redis-acl-user": users,
    "supabase-key": ours(supabase.liveKeys(ref)),
    "resend-key": ours(resend.liveKeys),
    "vercel-token": ours((vercel.names() as { tokens: { name: string }[] }).tokens.map(({ name }) => name)),
    "visapi-key": ours(Array.isArray(keys) ? keys.map(({ name }) => name) : []),
  };
}

function last(urn: string): string {
  return urn.split("::").pop() ?? urn;
}
