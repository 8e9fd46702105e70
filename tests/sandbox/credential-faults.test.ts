// Logins and VisAPI's own keys with a fault at every call at their own service: each call once, with the fault that its
// name gives by chance; with MATRIX=all in the environment every fault. Vendors' keys: vendor-faults.test.ts.
import { Redis } from "ioredis";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { Lone, tryCells, type LoneOptions } from "../matrix/lone.ts";
import { startProxies, type Proxies } from "../matrix/proxies.ts";
import { Wire } from "../matrix/wire.ts";
import { Secret, type Properties } from "../../provider/wire/values.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const all = process.env["MATRIX"] === "all";

describe("faults at every call of every kind of issued credential", function () {
  this.timeout(all ? 3_600_000 : 300_000);
  const dir = newDir();
  const wire = new Wire();
  wire.hangMs = 3_000;
  let sandbox: Sandbox;
  let proxies: Proxies;
  before(async function () {
    this.timeout(buildTimeoutMs);
    sandbox = await Sandbox.start({ dir, toolchain: await toolchain(), limitScale: 1000 });
    proxies = await startProxies(wire, sandbox.env);
  });
  after(async () => {
    await proxies?.stop();
    await sandbox?.stop();
    await discard(dir);
  });

  const settingsOf = (env: Record<string, string>): Record<string, string> => ({
    fingerprintKey: env["ROTATION_FINGERPRINT_KEY"] ?? "",
    patienceSeconds: "4",
    visapiAdminKey: env["VISAPI_ADMIN_API_KEY"] ?? "",
  });
  const made = (names: string[]): number => names.filter((name) => /rotation[-_]matrix[-_]/.test(name)).length;
  const kinds: Record<string, { args: (env: Record<string, string>) => Properties; live: () => Promise<number> }> = {
    "postgres-login": {
      args: (env) => ({
        adminUrl: new Secret(env["VISAPI_DATABASE_ADMIN_URL"] ?? ""),
        application: "matrix",
        owner: "app_owner",
        checks: ["select 1"],
      }),
      live: async () =>
        (await sandbox.postgres.query("select 1 from pg_roles where rolcanlogin and rolname ~ '^matrix_'")).length,
    },
    "redis-acl-user": {
      args: (env) => ({ adminUrl: new Secret(env["VISAPI_REDIS_ADMIN_URL"] ?? ""), application: "matrix" }),
      live: async () => {
        const redis = new Redis(sandbox.redis.adminUrl, { lazyConnect: true });
        const users = (await redis.call("ACL", "LIST")) as string[];
        redis.disconnect();
        return users.filter((line) => /^user matrix_[ab] on /.test(line)).length;
      },
    },
    "visapi-key": {
      args: (env) => ({ url: env["VISAPI_API_URL"] ?? "", quietMinutes: 0 }),
      live: async () => {
        const { VISAPI_API_URL: url = "", VISAPI_ADMIN_API_KEY: key = "" } = sandbox.env;
        const answer = await fetch(`${url}/api/v1/api-keys`, { headers: { "x-api-key": key, connection: "close" } });
        return made(((await answer.json()) as { name: string }[]).map(({ name }) => name));
      },
    },
  };

  for (const [kind, { args, live }] of Object.entries(kinds))
    it(kind, async () => {
      const options: LoneOptions = {
        ...{ kind, live, quietMs: kind === "visapi-key" ? 1100 : 0 },
        args: args(proxies.env),
        settings: settingsOf(proxies.env),
        direct: { args: args(sandbox.env), settings: settingsOf(sandbox.env) },
      };
      console.log(`      ${await tryCells(new Lone(wire, options))}`);
    });
});
