import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VercelSimulator, type VercelOptions } from "../../../sandbox/simulators/vercel.ts";
import { caller, list, load, str, tinyConsumer, until, type TinyConsumer } from "./support.ts";

const id = "prj_visapi";
const gitSource = { type: "github", org: "visanet", repo: "visapi", ref: "main" };

describe("simulators: Vercel", () => {
  const running: VercelSimulator[] = [];
  const directories: string[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((sim) => sim.stop()));
    for (const made of directories.splice(0)) rmSync(made, { recursive: true });
  });

  const begin = async (consumer: TinyConsumer = tinyConsumer(), more: Partial<VercelOptions> = {}) => {
    const project = { id, name: "visapi-web", env: { SECRET: "one" }, launch: consumer.launch, healthDeadlineMs: 400 };
    const options = { token: "vercel-token", buildMs: 30, projects: [project], ...more };
    const sim = await new VercelSimulator(options).start();
    running.push(sim);
    const call = caller(sim.url, "vercel-token");
    const deploy = async (body: object) => {
      const reply = await call("POST", "/v13/deployments?forceNew=1", {
        name: "visapi-web",
        target: "production",
        ...body,
      });
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
      return reply.body;
    };
    const ended = (deployment: string) =>
      until(async () => {
        const { readyState } = (await call("GET", `/v13/deployments/${deployment}`)).body;
        return /READY|ERROR|CANCELED/.test(str(readyState)) && str(readyState);
      });
    const served = async () => ((await (await fetch(sim.projectUrl(id))).json()) as { secret: string }).secret;
    const upsert = (body: unknown) => call("POST", `/v10/projects/${id}/env?upsert=true`, body);
    return { sim, call, deploy, ended, served, upsert };
  };
  const production = { type: "sensitive", target: ["production"] };

  it("creates, upserts in place, changes and deletes variables", async () => {
    const { call, upsert, sim } = await begin();
    const created = await upsert({ key: "JWT", value: "first", ...production });
    assert.equal(created.status, 201);
    assert.deepEqual(created.body.failed, []);
    const variable = created.body.created;
    assert.equal(variable?.key, "JWT");
    const again = await upsert({ key: "JWT", value: "second", ...production });
    assert.equal(again.body.created?.id, variable?.id);
    const path = `/v9/projects/visapi-web/env/${str(variable?.id)}`;
    assert.equal((await call("PATCH", path, { value: "third", type: "sensitive" })).body.id, variable?.id);
    assert.equal(sim.envVar(id, "JWT"), "third");
    assert.equal((await call("PATCH", path, { type: "plain" })).status, 400, "sensitive stays sensitive");
    assert.equal((await call("DELETE", path)).status, 200);
    assert.equal((await call("DELETE", path)).status, 404);
    assert.deepEqual(
      sim.effects.lines().filter((line) => line.includes("JWT")),
      [...Array<string>(3).fill(`vercel env-var.put ${id}/JWT`), `vercel env-var.delete ${id}/JWT`],
    );
  });

  it("never reads a sensitive value, and an encrypted one by id alone", async () => {
    const { call, upsert } = await begin();
    const items = ["sensitive", "encrypted", "plain"].map((type) => ({
      key: type,
      value: `value-${type}`,
      type,
      target: ["production"],
    }));
    const created = list((await upsert(items)).body.created);
    const envs = list((await call("GET", `/v10/projects/${id}/env`)).body.envs);
    const inList = JSON.stringify([created, envs]);
    assert.ok(
      inList.includes("value-plain") && !inList.includes("value-sensitive") && !inList.includes("value-encrypted"),
    );
    const byId = [];
    for (const item of created) byId.push((await call("GET", `/v1/projects/${id}/env/${str(item.id)}`)).body.value);
    assert.deepEqual(byId, ["", "value-encrypted", "value-plain"]);
  });

  it("answers ENV_CONFLICT: alone as an error, among several as a failed item of a success", async () => {
    const { call, upsert, sim } = await begin();
    await upsert({ key: "A", value: "v", type: "plain", target: ["production", "preview"] });
    const alone = await upsert({ key: "A", value: "w", type: "plain", target: ["production"] });
    assert.equal(alone.status, 400);
    assert.equal(alone.body.error?.code, "ENV_CONFLICT");
    assert.equal(alone.body.error?.envVarKey, "A");
    const both = [
      { key: "A", value: "w", type: "plain", target: ["production"] },
      { key: "B", value: "b", type: "plain", target: ["production"] },
    ];
    const several = await call("POST", `/v10/projects/${id}/env`, both);
    assert.equal(several.status, 201);
    assert.equal(several.body.created?.length, 1);
    assert.equal(several.body.failed?.[0]?.error?.code, "ENV_CONFLICT");
    assert.deepEqual([sim.envVar(id, "A"), sim.envVar(id, "B")], ["v", "b"]);
    const sensitive = await upsert({ key: "S", value: "v", type: "sensitive", target: ["development"] });
    assert.equal(sensitive.body.error?.code, "bad_request");
  });

  it("brings a variable to production by gitSource, and not by a redeploy of an older deployment", async () => {
    const { call, deploy, ended, served, upsert, sim } = await begin();
    const [first] = list(
      (await call("GET", `/v7/deployments?projectId=${id}&target=production&limit=1`)).body.deployments,
    );
    assert.equal(first?.state, "READY");
    await upsert({ key: "SECRET", value: "two", type: "encrypted", target: ["production"] });
    assert.equal(await served(), "one");

    const redeploy = await deploy({ deploymentId: first?.uid });
    assert.equal(redeploy.readyState, "QUEUED");
    assert.equal(await ended(str(redeploy.id)), "READY");
    assert.equal(await served(), "one", "the variables of the original");

    const fresh = await deploy({ gitSource });
    assert.equal(await ended(str(fresh.id)), "READY");
    assert.equal(await served(), "two");
    assert.deepEqual(sim.instances(id), [`${str(fresh.id)}/0`]);
    const deployments = list((await call("GET", `/v7/deployments?projectId=${id}`)).body.deployments);
    assert.deepEqual(
      deployments.map(({ uid }) => uid),
      [fresh.id, redeploy.id, first?.uid],
    );
    assert.equal((await call("GET", `/v9/projects/${id}`)).body.targets?.production?.id, fresh.id);
    assert.ok(!JSON.stringify(deployments).includes('"env"'));
  });

  it("makes no new deployment like the last one without forceNew, and refuses one without a source", async () => {
    const { call, deploy, ended } = await begin();
    const made = await deploy({ gitSource });
    await ended(str(made.id));
    const body = { name: "visapi-web", target: "production", gitSource };
    assert.equal((await call("POST", "/v13/deployments", body)).body.id, made.id);
    assert.notEqual((await call("POST", "/v13/deployments?forceNew=1", body)).body.id, made.id);
    const empty = await call("POST", "/v13/deployments?forceNew=1", { name: "visapi-web" });
    assert.deepEqual([empty.status, empty.body.error?.code], [400, "bad_request"]);
  });

  it("serves every request through two deployments, and keeps the old one where the new one fails", async () => {
    const { deploy, ended, served, upsert, sim } = await begin(tinyConsumer({ delayMs: 8 }));
    const traffic = load(sim.projectUrl(id));
    for (const value of ["two", "three"]) {
      await upsert({ key: "SECRET", value, type: "encrypted", target: ["production"] });
      assert.equal(await ended(str((await deploy({ gitSource })).id)), "READY");
      await sim.settled(id);
      await traffic.more(50);
    }
    sim.failBuilds(id);
    assert.equal(await ended(str((await deploy({ gitSource })).id)), "ERROR");
    const { requests, failures } = await traffic.stop();
    assert.deepEqual(failures, []);
    assert.ok(requests > 100, `only ${requests} requests`);
    assert.equal(await served(), "three");
  });

  it("cancels", async () => {
    const { call, deploy, ended } = await begin(tinyConsumer(), { buildMs: 300 });
    const { id: made } = await deploy({ gitSource });
    assert.equal((await call("PATCH", `/v12/deployments/${str(made)}/cancel`)).body.readyState, "CANCELED");
    assert.equal(await ended(str(made)), "CANCELED");
    assert.equal((await call("PATCH", `/v12/deployments/${str(made)}/cancel`)).status, 400);
  });

  it("shows a team's project to that team alone", async () => {
    const { call } = await begin(tinyConsumer(), { teamId: "team_visanet" });
    assert.equal((await call("GET", `/v9/projects/${id}?teamId=team_visanet`)).body.accountId, "team_visanet");
    const without = await call("GET", `/v9/projects/${id}`);
    assert.deepEqual([without.status, without.body.error?.code], [404, "not_found"]);
    assert.equal((await call("GET", `/v9/projects/${id}?teamId=team_other`)).status, 403);
  });

  it("issues tokens and kills a revoked one at once", async () => {
    const { call, sim } = await begin();
    const made = (await call("POST", "/v3/user/tokens", { name: "rotation-2" })).body;
    assert.match(str(made.bearerToken), /^[A-Za-z0-9]{24}$/);
    const other = caller(sim.url, str(made.bearerToken));
    assert.equal((await other("GET", "/v2/user")).status, 200);
    const tokens = list((await call("GET", "/v6/user/tokens")).body.tokens);
    assert.deepEqual(
      tokens.map(({ name }) => name),
      ["initial", "rotation-2"],
    );
    assert.equal((await call("DELETE", `/v3/user/tokens/${str(made.token?.id)}`)).status, 200);
    const dead = await other("GET", "/v2/user");
    assert.deepEqual([dead.status, dead.body.error?.invalidToken], [403, true]);
  });

  it("limits with its headers", async () => {
    const { call, sim } = await begin();
    assert.equal((await call("GET", "/v2/user")).headers.get("x-ratelimit-limit"), "500");
    sim.faults.add({ kind: "rate-limited", resetSeconds: 46 });
    const refused = await call("GET", "/v2/user");
    assert.equal(refused.status, 429);
    assert.equal(refused.headers.get("retry-after"), "46");
    assert.match(str(refused.body.error?.message), /^Too many requests - try again in 46 seconds/);
  });

  it("launches after a restart what was live", async () => {
    const directory = mkdtempSync(join(tmpdir(), "simulators-"));
    directories.push(directory);
    const { deploy, ended, upsert, sim } = await begin(tinyConsumer(), { directory });
    await upsert({ key: "SECRET", value: "two", type: "encrypted", target: ["production"] });
    await ended(str((await deploy({ gitSource })).id));
    await upsert({ key: "SECRET", value: "three", type: "encrypted", target: ["production"] });
    await sim.stop();
    const again = await begin(tinyConsumer(), { directory });
    assert.equal(await again.served(), "two");
    assert.equal(again.sim.envVar(id, "SECRET"), "three");
  });
});
