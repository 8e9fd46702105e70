import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ResendSimulator } from "../../../sandbox/simulators/resend.ts";
import { SupabaseSimulator } from "../../../sandbox/simulators/supabase.ts";
import { caller, list, str } from "./support.ts";

const ref = "abcdefghijklmnopqrst";
const projects = [{ ref, anonKey: "eyJ.anon.x", serviceRoleKey: "eyJ.service.x" }];
const keys = `/v1/projects/${ref}/api-keys`;

describe("simulators: Supabase", () => {
  let sim: SupabaseSimulator;
  const call = (token = "sbp_1") => caller(sim.url, token);
  const data = (key: string, path: string, headers = {}) =>
    caller(`${sim.projectUrl(ref)}${path}`)("GET", "", undefined, { apikey: key, ...headers });
  const start = async (limitScale: number): Promise<void> => {
    sim = await new SupabaseSimulator({ accessToken: "sbp_1", projects, limitScale }).start();
  };
  beforeEach(() => start(100));
  afterEach(() => sim.stop());

  it("shows a value only where it was asked to reveal it", async () => {
    const { status, body } = await call()("POST", `${keys}?reveal=true`, { type: "secret", name: "key_g1" });
    assert.equal(status, 201);
    const value = str(body.api_key);
    const masked = await call()("POST", keys, { type: "secret", name: "key_g1" });
    assert.doesNotMatch(str(masked.body.api_key), /^sb_secret_[\w-]{20,}$/);
    const shown = list((await call()("GET", keys)).body);
    assert.deepEqual(
      shown.map(({ type }) => str(type)),
      ["legacy", "legacy", "secret", "secret"],
    );
    assert.ok(!JSON.stringify(shown).includes(value) && !JSON.stringify([sim.names(), sim.journal]).includes(value));
    assert.ok(JSON.stringify((await call()("GET", `${keys}?reveal=true`)).body).includes(value));
    assert.equal((await call()("POST", keys, { type: "secret", name: "Not-a-name" })).status, 400);
    assert.equal((await call("sbp_2")("GET", keys)).status, 401);
  });

  it("opens a project's data to the keys that may, and to no dead one", async () => {
    const make = async (type: string) =>
      (await call()("POST", `${keys}?reveal=true`, { type, name: `a_${type}` })).body;
    const [secret, publishable] = [await make("secret"), await make("publishable")];
    assert.equal((await data(str(secret.api_key), "/rest/v1/")).status, 200);
    assert.equal((await data(str(secret.api_key), "/rest/v1/", { "user-agent": "Mozilla/5.0" })).status, 401);
    assert.equal((await data(str(publishable.api_key), "/rest/v1/")).status, 403);
    assert.equal((await data(str(publishable.api_key), "/auth/v1/settings")).status, 200);
    await call()("DELETE", `${keys}/${str(secret.id)}`);
    assert.equal((await data(str(secret.api_key), "/rest/v1/")).status, 401);
    assert.equal((await data("eyJ.service.x", "/rest/v1/")).status, 200);
    await call()("PUT", `${keys}/legacy?enabled=false`);
    assert.equal((await data("eyJ.service.x", "/rest/v1/")).status, 401);
  });

  it("refuses for a whole minute who asked more than 60 times in one", async () => {
    // A minute is 2 s here.
    await sim.stop();
    await start(30);
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_200));
    const burst = async (): Promise<number[]> =>
      (await Promise.all(Array.from({ length: 61 }, () => call()("GET", keys)))).map(({ status }) => status).sort();
    // A busy machine may need more than that for them, even all at once, and tries again then.
    let statuses = await burst();
    for (let tries = 0; statuses.at(60) === 200 && tries < 4; tries++) {
      await pause();
      statuses = await burst();
    }
    assert.deepEqual([statuses.at(59), statuses.at(60)], [200, 429]);
    const blocked = await call()("GET", keys);
    assert.equal(blocked.status, 429);
    assert.equal(blocked.headers.get("x-ratelimit-remaining"), "0");
    assert.equal((await data("eyJ.service.x", "/rest/v1/")).status, 200, "the project itself goes on");
    await pause();
    assert.equal((await call()("GET", keys)).status, 200);
  });
});

describe("simulators: Resend", () => {
  it("holds keys to their rights and the team to its limit, and keeps both over a restart", async () => {
    const directory = mkdtempSync(join(tmpdir(), "resend-"));
    const options = { adminKey: "re_admin", keys: [{ name: "hand", token: "re_hand" }], directory, limitScale: 1 };
    const first = await new ResendSimulator({ ...options, limitScale: 1000 }).start();
    const made = await caller(first.url, "re_admin")("POST", "/api-keys", { name: "n", permission: "sending_access" });
    assert.equal(made.status, 201);
    await first.stop();
    assert.equal(statSync(join(directory, "resend.json")).mode & 0o777, 0o600);
    const sim = await new ResendSimulator(options).start();
    try {
      assert.deepEqual(sim.liveKeys, ["admin", "hand", "n"]);
      const restricted = await caller(sim.url, str(made.body.token))("GET", "/api-keys");
      assert.deepEqual([restricted.status, str(restricted.body.name)], [401, "restricted_api_key"]);
      assert.equal(str((await caller(sim.url, "re_dead")("GET", "/api-keys")).body.name), "invalid_api_key");
      const admin = caller(sim.url, "re_admin");
      const replies = [
        await admin("GET", "/api-keys"),
        await admin("GET", "/domains"),
        await admin("GET", "/api-keys"),
      ];
      assert.deepEqual(
        replies.map(({ status, headers }) => [status, headers.get("ratelimit-remaining")]),
        [
          [200, "1"],
          [200, "0"],
          [429, "0"],
        ],
      );
      assert.ok(Number(replies[2]?.headers.get("retry-after")) >= 1);
      assert.ok(!JSON.stringify(sim.names()).includes("re_"));
    } finally {
      await sim.stop();
      rmSync(directory, { recursive: true });
    }
  });
});
