// What tests ask of IntelliFlow's cluster, Vault, database and tokens.
import assert from "node:assert/strict";
import { jwtVerify, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import pg from "pg";
import type { Sandbox } from "../../sandbox/sandbox.ts";

async function object<T>({ kubernetes }: Sandbox, path: string, accept: number[] = []): Promise<T> {
  const { client } = kubernetes ?? assert.fail("no cluster");
  return (await client.call("GET", path, { accept })).body as T;
}

/** What an entry of a Secret holds; undefined where there is none. */
export async function inSecret(sandbox: Sandbox, secret: string, entry: string): Promise<string | undefined> {
  const path = `/api/v1/namespaces/intelliflow/secrets/${secret}`;
  const { data } = await object<{ data?: Record<string, string> }>(sandbox, path, [404]);
  return data?.[entry] === undefined ? undefined : Buffer.from(data[entry], "base64").toString();
}

/** A token as a user gets it now. */
export async function signIn(api: string): Promise<string> {
  const answer = await fetch(`${api}/auth/signin`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ email: "ada@example.com" }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`sign-in answered ${answer.status}: ${text.slice(0, 200)}`);
  return (JSON.parse(text) as { token: string }).token;
}

interface Deployment {
  spec: { template: { metadata: { annotations: Record<string, string> } } };
}

/** How often the stack has restarted `api` and `web`. */
export function restarts(sandbox: Sandbox): Promise<number[]> {
  return Promise.all(
    ["api", "web"].map(async (name) => {
      const path = `/apis/apps/v1/namespaces/intelliflow/deployments/${name}`;
      const { spec } = await object<Deployment>(sandbox, path);
      return Number(spec.template.metadata.annotations["secret-rotation/restart"] ?? 0);
    }),
  );
}

/** The key set that pods are given as a file. */
export async function mountedJwks(sandbox: Sandbox): Promise<JSONWebKeySet> {
  const path = "/api/v1/namespaces/intelliflow/configmaps/jwks";
  const { data } = await object<{ data: Record<string, string> }>(sandbox, path);
  return JSON.parse(data["jwks.json"] ?? "") as JSONWebKeySet;
}

/** Whom a verifier with these keys believes a token to be of. */
export function believed(token: string, keys: JWTVerifyGetKey): Promise<string | undefined> {
  return jwtVerify(token, keys).then(
    ({ payload }) => payload.sub,
    () => undefined,
  );
}

/** Opens a connection of one's own; what ends it is no error of the test. */
export async function connect(url: string, name = "worker"): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: name });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** That PostgreSQL itself does not let this login in. */
export function refused(url: string): Promise<void> {
  return assert.rejects(connect(url), /password authentication failed|not permitted/);
}
