// IntelliFlow under test: two Deployments in a cluster, a login, keys at three vendors, signing keys and a transit key.
import { createRemoteJWKSet, type JSONWebKeySet } from "jose";
import { believed, connect, inSecret, mountedJwks, signIn } from "../../support/intelliflow.ts";
import { IntelliflowLoad } from "../../support/intelliflow-load.ts";
import { connected, decryptAll } from "../../support/transit.ts";
import { nameOf } from "../calls.ts";
import type { Field } from "../field.ts";
import type { Place, UnderTest, Users } from "./under-test.ts";

/** Where consumers find the current values; the transit key never leaves Vault. */
const places: Record<string, Place> = {
  "intelliflow/DATABASE_URL": { path: "intelliflow/database", field: "url" },
  "intelliflow/JWT_SIGNING_KEY": { path: "intelliflow/jwt", field: "private_key" },
  "intelliflow/OPENAI_API_KEY": { path: "intelliflow/openai", field: "primary_key" },
  "intelliflow/ANTHROPIC_API_KEY": { path: "intelliflow/anthropic", field: "primary_key" },
  "intelliflow/STRIPE_API_KEY": { path: "intelliflow/stripe", field: "primary_key" },
};

export const intelliflow: UnderTest = {
  application: "intelliflow",
  world: { kubernetes: "intelliflow" },
  days: 366,
  // Longer than the longest grace period, the day of the transit key.
  endsAfterHours: 26,
  // The next signing key is seen to be published, and the current one to be signed with; no grace period is over yet.
  followsAfterHours: 0.5,
  // Each customer is encrypted and decrypted by Vault.
  needsVault: true,
  users: ({ INTELLIFLOW_API_URL: api = "", INTELLIFLOW_WEB_URL: web = "" }) => new IntelliflowUsers(api, web),
  placeOf: ({ secret }) => places[secret],
  examine: async (field) => [...(await cluster(field)), ...(await tokens(field)), ...(await stored(field))],
  live: async ({ world }) => {
    const roles = await world.sandbox.postgres.query<{ name: string }>(
      "select rolname as name from pg_roles where rolcanlogin and rolname ~ '^intelliflow_[ab]$'",
    );
    return {
      "postgres-login": roles.map(({ name }) => name),
      "openai-key": world.sandbox.simulators.openai.accounts.filter((name) => /[-_]g\d+$/.test(name)),
    };
  },
  rollsOut: (call) => /^kubernetes PATCH .*\/deployments\/api\b/.test(nameOf(call)),
  consumers: [{ what: "every pod", text: "consumers/intelliflow/main.ts" }],
};

/** Kubernetes Secrets hold what Vault holds, and the login of both works. */
async function cluster(field: Field): Promise<string[]> {
  const { world } = field;
  const entries: [string, string, string][] = [
    ["database", "DATABASE_URL", "intelliflow/DATABASE_URL"],
    ["jwt", "JWT_PRIVATE_KEY", "intelliflow/JWT_SIGNING_KEY"],
    ...["OPENAI", "ANTHROPIC", "STRIPE"].map((vendor): [string, string, string] => [
      vendor.toLowerCase(),
      `${vendor}_API_KEY`,
      `intelliflow/${vendor}_API_KEY`,
    ]),
  ];
  const problems: string[] = [];
  for (const [name, entry, secret] of entries) {
    const { path = "", field: part = "" } = places[secret] ?? {};
    const value = await world.vaultField(path, part);
    const there = await inSecret(world.sandbox, name, entry);
    if (value === undefined) problems.push(`${secret} is lost: Vault holds no value`);
    else if (there !== value) problems.push(`${secret}: the Secret ${name} holds another value than Vault`);
  }
  const url = await world.vaultField("intelliflow/database", "url");
  await connect(url ?? "").then(
    (client) => client.end(),
    (error: Error) => problems.push(`the login in Vault does not work: ${error.message}`),
  );
  return problems;
}

/** The key set in Vault is the one that pods have, and a token as a user gets it now is believed by it. */
async function tokens(field: Field): Promise<string[]> {
  const { INTELLIFLOW_API_URL: api = "" } = field.world.sandbox.env;
  const document = JSON.parse((await field.world.vaultField("intelliflow/jwt-jwks", "jwks")) ?? "{}") as JSONWebKeySet;
  const mounted = await mountedJwks(field.world.sandbox);
  const problems: string[] = [];
  if (JSON.stringify(document) !== JSON.stringify(mounted)) problems.push("pods have another key set than Vault");
  const keys = createRemoteJWKSet(new URL(`${api}/.well-known/jwks.json`));
  const user = await signIn(api).then(
    (token) => believed(token, keys),
    () => undefined,
  );
  if (user === undefined) problems.push("a token as users get it now is not believed");
  return problems;
}

/** Every ciphertext of the customers can be read. */
async function stored({ world }: Field): Promise<string[]> {
  const { vault, env } = world.sandbox;
  const cards = await connected(env["INTELLIFLOW_DATABASE_ADMIN_URL"] ?? "", async (client) =>
    (await client.query<{ card: string }>("select card from customers order by id")).rows.map(({ card }) => card),
  );
  const call = vault.call.bind(vault);
  return decryptAll(call, "intelliflow-data", cards).then(
    (plain) =>
      plain.filter((text) => !/^card /.test(text)).map((_, index) => `customer ${index} reads as something else`),
    (error: Error) => [`customers cannot be read: ${error.message}`],
  );
}

/** Some dozens of requests a second by both services, from the first sign-in on. */
class IntelliflowUsers implements Users {
  #load: IntelliflowLoad | undefined;
  readonly #api: string;
  readonly #web: string;

  constructor(api: string, web: string) {
    [this.#api, this.#web] = [api, web];
  }

  get requests(): number {
    return this.#load?.total ?? 0;
  }

  async arrive(): Promise<void> {
    this.#load ??= new IntelliflowLoad(this.#api, this.#web, 20);
    await this.#load.arrive();
  }

  take(): string[] {
    return this.#load?.failures.splice(0) ?? [];
  }

  async stop(): Promise<void> {
    await this.#load?.stop();
  }
}
