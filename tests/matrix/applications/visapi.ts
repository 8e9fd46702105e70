// VisAPI under test: a service at Render, a front end at Vercel, and keys at six vendors.
import { Redis } from "ioredis";
import { signIn, type Session } from "../../support/client.ts";
import { nameOf } from "../calls.ts";
import type { Field } from "../field.ts";
import type { UnderTest, Users } from "./under-test.ts";

export const visapi: UnderTest = {
  application: "visapi",
  world: {},
  days: 95,
  endsAfterHours: 2,
  // Beyond the minutes within which two of a pair count as one run; no grace period is over yet.
  followsAfterHours: 0.2,
  // The second of a pair waits for the first.
  waits: /\/(SESSION_SECRET|REDIS_URL)$/,
  users: ({ VISAPI_API_URL: api = "", VISAPI_APP_URL: app = "" }) => new VisapiUsers(api, app),
  placeOf: ({ resources }) => {
    const path = resources.find(({ type }) => type === "vault:kv/secretV2:SecretV2")?.inputs["name"];
    return typeof path === "string" ? { path, field: "value" } : undefined;
  },
  held: ({ world }, type, inputs) => {
    const { render, vercel, github } = world.sandbox.simulators;
    const input = (name: string): string => (typeof inputs[name] === "string" ? inputs[name] : "");
    if (type === "rotation:render:EnvVar") return render.envVar(input("serviceId"), input("key")) ?? "nothing";
    if (type === "rotation:vercel:EnvVar") return vercel.envVar(input("projectId"), input("key")) ?? "nothing";
    if (type === "github:index/actionsSecret:ActionsSecret")
      return github.secretValue("visanet", input("repository"), input("secretName")) ?? "nothing";
    return undefined;
  },
  live: liveCredentials,
  rollsOut: (call) => /^render POST .*\/deploys$/.test(nameOf(call)),
  consumers: [
    { what: "every instance of the API", text: "consumers/visapi/main.ts" },
    { what: "the front end", text: "consumers/frontend/main.ts" },
  ],
};

async function liveCredentials(field: Field): Promise<Record<string, string[]>> {
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

/** Milliseconds between two rounds of requests. */
const pauseMs = 150;

/** Five requests a round: the stores, the front end, and one by each kind of session. */
class VisapiUsers implements Users {
  requests = 0;
  readonly failures: string[] = [];
  #session: Session | undefined;
  #running = true;
  readonly #api: string;
  readonly #app: string;
  readonly #done: Promise<void>;

  constructor(api: string, app: string) {
    [this.#api, this.#app] = [api, app];
    this.#done = this.#work();
  }

  async arrive(): Promise<void> {
    this.#session = await signIn(this.#api);
  }

  take(): string[] {
    return this.failures.splice(0);
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #work(): Promise<void> {
    const [api, app] = [this.#api, this.#app];
    while (this.#running) {
      const session = this.#session;
      const asked: [string, Record<string, string>][] = [
        [`${api}/api/v1/healthz/database`, {}],
        [`${api}/api/v1/healthz/redis`, {}],
        [`${app}/health`, {}],
      ];
      if (session)
        asked.push(
          [`${api}/api/v1/me`, { authorization: `Bearer ${session.token}` }],
          [`${api}/api/v1/me`, { cookie: session.cookie }],
        );
      await Promise.all(asked.map(([url, headers]) => this.#ask(url, headers)));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #ask(url: string, headers: Record<string, string>): Promise<void> {
    this.requests++;
    try {
      const response = await fetch(url, {
        headers: { ...headers, connection: "close" },
        signal: AbortSignal.timeout(15_000),
      });
      const body = await response.text();
      if (!response.ok)
        this.failures.push(
          `${new URL(url).pathname}${headers["cookie"] ? " by cookie" : ""} answered ${response.status}: ${body.slice(0, 160)}`,
        );
    } catch (error) {
      const { cause, message } = error as { cause?: { code?: string }; message: string };
      this.failures.push(`${new URL(url).pathname}: ${cause?.code ?? message}`);
    }
  }
}
