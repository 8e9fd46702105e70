import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GithubSimulator } from "../../../sandbox/simulators/github.ts";
import { newBoxKeys, sealBox } from "../../../sandbox/simulators/sealed-box.ts";
import { caller, str } from "./support.ts";

const repositories = [{ owner: "visanet", name: "visapi", environments: ["production", "a/b"] }];

describe("simulators: GitHub", () => {
  let sim: GithubSimulator;
  let call: ReturnType<typeof caller>;
  const directory = mkdtempSync(join(tmpdir(), "simulators-"));
  const options = { token: "gh", readOnlyToken: "ro", repositories, directory, controlToken: "control" };
  const secrets = "/repos/visanet/visapi/actions/secrets";

  beforeEach(async () => {
    sim = await new GithubSimulator(options).start();
    await sim.reset();
    call = caller(`${sim.url}/api/v3`, "gh");
  });
  afterEach(() => sim.stop());
  after(() => rmSync(directory, { recursive: true }));

  const put = async (path: string, name: string, value: string) => {
    const { key, key_id } = (await call("GET", `${path}/public-key`)).body;
    return call("PUT", `${path}/${name}`, { key_id, encrypted_value: sealBox(value, str(key)) });
  };

  it("tells what a repository is, at /api/v3 and at /", async () => {
    const { body, status } = await call("GET", "/repos/VisaNet/visapi");
    assert.equal(status, 200);
    assert.equal(typeof body.id, "number");
    assert.equal(body.full_name, "visanet/visapi");
    assert.equal(body.default_branch, "main");
    assert.match(str(body.node_id), /^R_/);
    assert.deepEqual((await caller(sim.url, "gh")("GET", `/repositories/${str(body.id)}`)).body, body);
    assert.equal((await call("GET", "/orgs/visanet")).body.login, "visanet");
    assert.equal((await call("GET", "/user")).status, 200);
    assert.equal((await call("GET", "/meta")).status, 200);
  });

  it("opens the sealed box of a secret, answers 201 and then 204, and never shows the value", async () => {
    assert.equal((await put(secrets, "jwt_secret", "päss / + = word")).status, 201);
    assert.equal(sim.secretValue("visanet", "visapi", "JWT_SECRET"), "päss / + = word");
    const first = await call("GET", `${secrets}/JWT_SECRET`);
    assert.deepEqual(Object.keys(first.body), ["name", "created_at", "updated_at"]);
    assert.match(str(first.body.updated_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const again = await put(secrets, "JWT_SECRET", "second");
    assert.equal(again.status, 204);
    assert.equal(sim.secretValue("visanet", "visapi", "jwt_secret"), "second");
    const list = (await call("GET", secrets)).body;
    assert.equal(list.total_count, 1);
    assert.ok(!JSON.stringify([list, sim.names()]).includes("second"));
    const names = sim.effects.lines().filter((line) => line.includes("JWT_SECRET"));
    assert.deepEqual(names, Array(2).fill("github secret.put visanet/visapi/JWT_SECRET"));
  });

  it("keeps the secrets of an environment apart, by repository name and by number", async () => {
    const { id } = (await call("GET", "/repos/visanet/visapi")).body;
    assert.equal(
      (await put(`/repositories/${str(id)}/environments/production/secrets`, "TOKEN", "env-value")).status,
      201,
    );
    assert.equal((await put(`/repos/visanet/visapi/environments/a%2Fb/secrets`, "TOKEN", "other")).status, 201);
    assert.equal(sim.secretValue("visanet", "visapi", "TOKEN", "production"), "env-value");
    assert.equal(sim.secretValue("visanet", "visapi", "TOKEN", "a/b"), "other");
    assert.equal(sim.secretValue("visanet", "visapi", "TOKEN"), undefined);
    assert.equal((await call("GET", `/repositories/${str(id)}/environments/staging/secrets/TOKEN`)).status, 404);
    assert.equal((await call("PUT", "/repos/visanet/visapi/environments/staging")).status, 200);
    assert.equal((await put(`/repositories/${str(id)}/environments/staging/secrets`, "TOKEN", "s")).status, 201);
    assert.equal((await call("GET", "/repos/visanet/visapi/environments")).body.total_count, 3);
  });

  it("deletes once, and answers 404 after that", async () => {
    await put(secrets, "OLD", "v");
    assert.equal((await call("DELETE", `${secrets}/OLD`)).status, 204);
    const gone = await call("DELETE", `${secrets}/OLD`);
    assert.equal(gone.status, 404);
    assert.deepEqual(gone.body, {
      message: "Not Found",
      documentation_url: "https://docs.github.com/rest",
      status: "404",
    });
  });

  it("refuses what GitHub refuses", async () => {
    const { key_id, key } = (await call("GET", `${secrets}/public-key`)).body;
    const sealed = (value: string) => ({ key_id, encrypted_value: sealBox(value, str(key)) });
    const foreign = { key_id, encrypted_value: sealBox("v", newBoxKeys().publicKey) };
    const cases: [string, unknown, number, RegExp][] = [
      ["A", { encrypted_value: "AAAA" }, 422, /"key_id" wasn't supplied/],
      ["A", { key_id, encrypted_value: "not base64" }, 422, /does not match/],
      ["A", foreign, 422, /improperly encrypted secret/],
      ["A", { ...sealed("v"), key_id: "1" }, 422, /improperly encrypted secret/],
      ["1A", sealed("v"), 422, /can only contain alphanumeric/],
      ["GITHUB_A", sealed("v"), 422, /can only contain alphanumeric/],
      ["A", sealed("x".repeat(49 * 1024)), 422, /48 KB/],
      ["A", "{", 400, /Problems parsing JSON/],
    ];
    for (const [name, body, status, message] of cases) {
      const reply = await call("PUT", `${secrets}/${name}`, body);
      assert.equal(reply.status, status, String(message));
      assert.match(str(reply.body.message), message);
    }
    assert.deepEqual(sim.effects.list(), []);
    assert.deepEqual((await caller(sim.url, "wrong")("GET", "/user")).body.message, "Bad credentials");
    const readOnly = caller(sim.url, "ro");
    assert.equal((await readOnly("GET", `${secrets}/public-key`)).status, 200);
    const forbidden = await readOnly("PUT", `${secrets}/A`, sealed("v"));
    assert.equal(forbidden.status, 403);
    assert.equal(forbidden.body.message, "Resource not accessible by personal access token");
  });

  it("counts the primary limit in its headers, and meets the secondary one at 80 changes a minute", async () => {
    const first = await call("GET", "/user");
    assert.equal(first.headers.get("x-ratelimit-limit"), "5000");
    assert.equal(first.headers.get("x-ratelimit-remaining"), "4999");
    assert.equal((await call("GET", "/rate_limit")).body.resources?.core?.remaining, 4999);
    let refused;
    for (let turn = 0; turn < 81; turn++) refused = await call("PUT", "/repos/visanet/visapi/environments/production");
    assert.equal(refused?.status, 403);
    assert.match(str(refused?.body.message), /secondary rate limit/);
    assert.match(str(refused?.body.documentation_url), /secondary-rate-limits$/);
    assert.ok(Number(refused?.headers.get("retry-after")) > 0);
    sim.faults.add({ kind: "rate-limited", resetSeconds: 30, class: "core" });
    const primary = await call("GET", "/user");
    assert.equal(primary.status, 403);
    assert.equal(primary.headers.get("x-ratelimit-remaining"), "0");
    assert.ok(Math.abs(Number(primary.headers.get("x-ratelimit-reset")) - Date.now() / 1000 - 30) < 3);
  });

  it("keeps keys and secrets over a restart, and adds what is new in its options", async () => {
    await put(secrets, "KEPT", "value");
    const { key } = (await call("GET", `${secrets}/public-key`)).body;
    await sim.stop();
    const more = [...repositories, { owner: "visanet", name: "second" }];
    sim = await new GithubSimulator({ ...options, repositories: more }).start();
    call = caller(sim.url, "gh");
    assert.equal(sim.secretValue("visanet", "visapi", "KEPT"), "value");
    assert.equal((await call("GET", `${secrets}/public-key`)).body.key, key);
    assert.equal((await call("GET", "/repos/visanet/second")).status, 200);
  });

  it("gives a value over the control API alone", async () => {
    await put(secrets, "JWT", "value");
    const path = "/_control/secret-value?owner=visanet&repo=visapi&name=JWT";
    assert.equal((await call("GET", path)).status, 404);
    const control = await caller(sim.url)("GET", path, undefined, { "x-control-token": "control" });
    assert.deepEqual(control.body, { value: "value" });
  });
});
