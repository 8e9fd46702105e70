// Logins and VisAPI's own keys with a fault at every call at their own service: each call once, with the fault that its
// name gives by chance; with MATRIX=all in the environment every fault. Vendors' keys: vendor-faults.test.ts.
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { UpstashSimulator } from "../../sandbox/simulators/upstash.ts";
import { Lone, tell, tryCells, type LoneOptions, type Tried } from "../matrix/lone.ts";
import { startProxies } from "../matrix/proxies.ts";
import { Wire } from "../matrix/wire.ts";
import { Secret, type Properties } from "../../provider/wire/values.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const all = process.env["MATRIX"] === "all";

/** How a kind is set up by an environment's addresses, the sandbox's own or its proxies'. */
interface Setting extends Pick<LoneOptions, "live" | "quietMs" | "cutOver" | "alsoHolds" | "forget"> {
  kind: string;
  args: (env: Record<string, string>) => Properties;
  /** More than the sandbox has. */
  env?: Record<string, string>;
  stop?: () => Promise<void>;
}

const made = (names: string[]): number => names.filter((name) => /rotation[-_]matrix[-_]/.test(name)).length;

function login(sandbox: Sandbox, application: string): Setting {
  const pattern = `^${application}_[ab]$`;
  return {
    kind: "postgres-login",
    args: (env) => ({
      ...{ application, owner: "app_owner", checks: ["select 1"] },
      adminUrl: new Secret(env["VISAPI_DATABASE_ADMIN_URL"] ?? ""),
    }),
    live: async () =>
      (await sandbox.postgres.query(`select 1 from pg_roles where rolcanlogin and rolname ~ '${pattern}'`)).length,
  };
}

function acl(sandbox: Sandbox): Setting {
  return {
    kind: "redis-acl-user",
    args: (env) => ({ adminUrl: new Secret(env["VISAPI_REDIS_ADMIN_URL"] ?? ""), application: "matrix" }),
    live: async () => {
      const redis = new Redis(sandbox.redis.adminUrl, { lazyConnect: true });
      const users = (await redis.call("ACL", "LIST")) as string[];
      redis.disconnect();
      return users.filter((line) => /^user matrix_[ab] on /.test(line)).length;
    },
  };
}

function keys(sandbox: Sandbox): Setting {
  const { VISAPI_API_URL: url = "", VISAPI_ADMIN_API_KEY: key = "" } = sandbox.env;
  return {
    ...{ kind: "visapi-key", quietMs: 1100 },
    args: (env) => ({ url: env["VISAPI_API_URL"] ?? "", quietMinutes: 0 }),
    live: async () => {
      const answer = await fetch(`${url}/api/v1/api-keys`, { headers: { "x-api-key": key, connection: "close" } });
      return made(((await answer.json()) as { name: string }[]).map(({ name }) => name));
    },
  };
}

/** @param redis the URL by which the stack reaches Redis: what the database answers is tried there */
async function upstash(sandbox: Sandbox, redis: string): Promise<Setting> {
  const [id, port] = ["1c9f3a52-7c1d-4a0e-9c1b-0d6c0a3c7e11", Number(new URL(redis).port)];
  const admin = new Redis(sandbox.redis.adminUrl);
  const apply = async (password: string): Promise<void> =>
    void (await admin.call("ACL", "SETUSER", "upstash", "reset", "on", `>${password}`, "~*", "+@all"));
  await apply("made-by-hand");
  const sim = await new UpstashSimulator({
    ...{ email: "ops@visanet.com", apiKey: "upstash-key", limitScale: 1000 },
    databases: [{ id, name: "visapi", endpoint: "127.0.0.1", port, password: "made-by-hand" }],
    onReset: ({ password }) => apply(password),
  }).start();
  const resets = (): number => sim.effects.list().filter(({ kind }) => kind === "password.reset").length;
  let before: number | undefined;
  return {
    ...{ kind: "upstash-password", cutOver: true, live: async () => 1, env: { UPSTASH_API_URL: sim.url } },
    args: (env) => ({
      ...{ databaseId: id, email: "ops@visanet.com", apiKey: new Secret("upstash-key"), user: "upstash", plain: true },
      baseUrl: `${env["UPSTASH_API_URL"] ?? ""}/v2`,
    }),
    // One that were not noticed would end what consumers hold a second time.
    alsoHolds: () => {
      if (before !== undefined) assert.equal(resets(), before + 1, "resets in a rotation");
      before = resets();
    },
    stop: async () => {
      admin.disconnect();
      await sim.stop();
    },
  };
}

/** Each with its own proxies and faults, so that they can be tried side by side. */
async function tryKind(sandbox: Sandbox, set: (redis: string) => Setting | Promise<Setting>): Promise<Tried> {
  const wire = new Wire();
  wire.hangMs = 3_000;
  const proxies = await startProxies(wire, sandbox.env);
  const { args, env = {}, stop, ...rest } = await set(proxies.env["VISAPI_REDIS_ADMIN_URL"] ?? "");
  const more = await startProxies(wire, env);
  const settingsOf = (own: Record<string, string>): Record<string, string> => ({
    fingerprintKey: own["ROTATION_FINGERPRINT_KEY"] ?? "",
    patienceSeconds: "4",
    visapiAdminKey: own["VISAPI_ADMIN_API_KEY"] ?? "",
  });
  const at = (own: Record<string, string>) => ({ args: args(own), settings: settingsOf(own) });
  const lone = new Lone(wire, {
    ...rest,
    ...at({ ...proxies.env, ...more.env }),
    direct: at({ ...sandbox.env, ...env }),
  });
  try {
    return await tryCells(lone, all ? [] : ["time-out"]);
  } finally {
    await more.stop();
    await proxies.stop();
    await stop?.();
  }
}

const kinds: Record<string, (sandbox: Sandbox, redis: string) => Setting | Promise<Setting>> = {
  "postgres-login": (sandbox) => login(sandbox, "matrix"),
  "postgres-login, the first of its slot": (sandbox) => ({
    ...login(sandbox, "fresh"),
    forget: async (slot) => void (await sandbox.postgres.query(`drop role if exists fresh_${slot}`)),
  }),
  "redis-acl-user": acl,
  "visapi-key": keys,
  "upstash-password": upstash,
};

describe("faults at every call of every kind of issued credential", function () {
  this.timeout(all ? 3_600_000 : 300_000);
  const dir = newDir();
  let sandbox: Sandbox;
  const trials = new Map<string, Promise<Tried>>();
  before(async function () {
    this.timeout(buildTimeoutMs);
    sandbox = await Sandbox.start({ dir, toolchain: await toolchain(), limitScale: 1000 });
    for (const [name, set] of Object.entries(kinds)) {
      const trial = tryKind(sandbox, (redis) => set(sandbox, redis));
      // Each is awaited by its own test.
      trial.catch(() => undefined);
      trials.set(name, trial);
    }
  });
  after(async () => {
    await Promise.allSettled(trials.values());
    await sandbox?.stop();
    await discard(dir);
  });

  for (const name of Object.keys(kinds))
    it(name, async () => {
      const tried = await trials.get(name);
      assert.ok(tried);
      console.log(`      ${tell(tried)}`);
      assert.deepEqual(tried.unmet, [], "calls at which no fault was met");
      assert.ok(tried.calls >= 4, `only ${tried.calls} calls were seen`);
    });
});
