// The vendors of IntelliFlow's keys: whom they let in, what they show of a key, and what they say at their limits.
import assert from "node:assert/strict";
import { AnthropicSimulator } from "../../../sandbox/simulators/anthropic.ts";
import { OpenAiSimulator } from "../../../sandbox/simulators/openai.ts";
import { StripeSimulator } from "../../../sandbox/simulators/stripe.ts";
import { caller, list, str } from "./support.ts";

const project = "/v1/organization/projects/proj_a";

describe("simulators: OpenAI", () => {
  let sim: OpenAiSimulator;
  const call = (token?: string) => caller(sim.url, token);
  beforeEach(async () => {
    const keys = [{ name: "hand", token: "sk-proj-hand" }];
    sim = await new OpenAiSimulator({ adminKey: "sk-admin-a", project: "proj_a", keys, limitScale: 1000 }).start();
  });
  afterEach(() => sim.stop());

  it("tells a key's value once, and ends it with its account", async () => {
    const made = (await call("sk-admin-a")("POST", `${project}/service_accounts`, { name: "one" })).body;
    const value = str(made["api_key"]?.["value"]);
    assert.match(value, /^sk-svcacct-/);
    const models = await call(value)("GET", "/v1/models");
    assert.equal(models.status, 200);
    assert.equal(models.headers.get("x-ratelimit-limit-requests"), "500");
    assert.match(models.headers.get("x-ratelimit-reset-requests") ?? "", /^\d+s$/);
    const { body } = await call("sk-admin-a")("GET", `${project}/api_keys`);
    assert.ok(!JSON.stringify([body, sim.names(), sim.journal]).includes(value));
    assert.equal(list(body["data"]).length, 2);
    const gone = await call("sk-admin-a")("DELETE", `${project}/service_accounts/${str(made["id"])}`);
    assert.equal(str(gone.body["object"]), "organization.project.service_account.deleted");
    assert.equal((await call(value)("GET", "/v1/models")).status, 401);
    assert.equal((await call("sk-proj-hand")("GET", "/v1/models")).status, 200);
  });

  it("keeps the admin key to managing keys, and other keys from it", async () => {
    assert.equal((await call("sk-proj-hand")("GET", `${project}/service_accounts`)).status, 403);
    assert.equal((await call("sk-admin-a")("GET", "/v1/models")).status, 403);
    assert.equal((await call("sk-admin-b")("GET", `${project}/service_accounts`)).status, 401);
    assert.equal((await call()("GET", "/v1/models")).status, 401);
    assert.equal((await call("sk-admin-a")("GET", "/v1/organization/projects/proj_b/api_keys")).status, 404);
    assert.equal((await call("sk-admin-a")("POST", `${project}/service_accounts`, {})).status, 400);
  });

  it("ends a key by itself where it was given a lifetime", async () => {
    const body = { name: "short", expires_in_seconds: 1 };
    const made = (await call("sk-admin-a")("POST", `${project}/service_accounts`, body)).body;
    const value = str(made["api_key"]?.["value"]);
    assert.equal((await call(value)("GET", "/v1/models")).status, 200);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.equal((await call(value)("GET", "/v1/models")).status, 401);
  });

  it("answers at its limit with the time to wait", async () => {
    sim.faults.add({ kind: "rate-limited", resetSeconds: 7 });
    const { status, headers, body } = await call("sk-proj-hand")("GET", "/v1/models");
    assert.deepEqual([status, headers.get("retry-after")], [429, "7"]);
    assert.equal(str(body["error"]?.["code"]), "rate_limit_exceeded");
  });
});

describe("simulators: Anthropic", () => {
  const keys = [{ name: "hand", token: `sk-ant-api03-${"h".repeat(40)}AA` }];
  let sim: AnthropicSimulator;
  const call = (key: string) => {
    const ask = caller(sim.url);
    return (method: string, path: string, body?: unknown) =>
      ask(method, path, body, { "x-api-key": key, "anthropic-version": "2023-06-01" });
  };
  const path = "/v1/organizations/api_keys";
  beforeEach(async () => {
    sim = await new AnthropicSimulator({ adminKey: "sk-ant-admin01-a", keys, limitScale: 1000 }).start();
  });
  afterEach(() => sim.stop());

  it("lists keys by a hint, makes them inactive and active again, and makes none", async () => {
    const token = keys[0]?.token ?? "";
    const admin = call("sk-ant-admin01-a");
    const [shown] = list((await admin("GET", `${path}?status=active`)).body["data"]);
    assert.ok(shown);
    assert.equal(str(shown["partial_key_hint"]), "sk-ant-api03-hhh...hhAA");
    assert.ok(!JSON.stringify(shown).includes(token));
    for (const [status, answered] of [
      ["inactive", 401],
      ["active", 200],
      ["archived", 401],
    ] as const) {
      assert.equal(str((await admin("POST", `${path}/${str(shown["id"])}`, { status })).body["status"]), status);
      assert.equal((await call(token)("GET", "/v1/models")).status, answered, status);
    }
    assert.deepEqual((await admin("GET", `${path}?status=active`)).body["data"], []);
    assert.equal((await admin("POST", path, { name: "more" })).status, 404);
    assert.equal((await admin("POST", `${path}/${str(shown["id"])}`, { status: "expired" })).status, 400);
    assert.equal((await admin("GET", `${path}/apikey_none`)).status, 404);
  });

  it("asks for a version, keeps the admin key to managing keys, and says how its limit stands", async () => {
    const token = keys[0]?.token ?? "";
    assert.equal((await caller(sim.url)("GET", "/v1/models", undefined, { "x-api-key": token })).status, 400);
    assert.equal((await call("sk-ant-admin01-a")("GET", "/v1/models")).status, 403);
    assert.equal((await call(token)("GET", path)).status, 403);
    const { headers } = await call(token)("GET", "/v1/models");
    assert.equal(headers.get("anthropic-ratelimit-requests-limit"), "50");
    assert.ok(!Number.isNaN(Date.parse(headers.get("anthropic-ratelimit-requests-reset") ?? "")));
    sim.faults.add({ kind: "rate-limited", resetSeconds: 3 });
    const refused = await call(token)("GET", "/v1/models");
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "3"]);
  });
});

describe("simulators: Stripe", () => {
  it("knows live, dead and limited keys by their answers, and shows no key", async () => {
    const keys = ["live", "dead", "limited"].map((name) => ({ name, token: `rk_live_${name.padEnd(30, "x")}` }));
    const sim = await new StripeSimulator({ keys }).start();
    try {
      sim.revokeKey(keys[1]?.token ?? "");
      sim.restrict("limited");
      const ask = (token: string) => caller(sim.url, token)("GET", "/v1/balance");
      const replies = [];
      for (const { token } of [...keys, { token: "rk_live_nobody" }]) replies.push(await ask(token));
      assert.deepEqual(
        replies.map(({ status }) => status),
        [200, 401, 403, 401],
      );
      assert.equal(str(replies[1]?.body["error"]?.["code"]), "api_key_expired");
      assert.equal(replies[0]?.body["livemode"], true);
      const shown = JSON.stringify([replies.map(({ body }) => body), sim.names(), sim.journal]);
      for (const { token } of keys) assert.ok(!shown.includes(token));
    } finally {
      await sim.stop();
    }
  });
});
