import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RenderSimulator, type RenderOptions } from "../../../sandbox/simulators/render.ts";
import { caller, list, load, str, tinyConsumer, until, type TinyConsumer } from "./support.ts";

const id = "srv-visapi";

describe("simulators: Render", () => {
  const running: RenderSimulator[] = [];
  const directories: string[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((sim) => sim.stop()));
    for (const made of directories.splice(0)) rmSync(made, { recursive: true });
  });

  const begin = async (consumer: TinyConsumer = tinyConsumer(), more: Partial<RenderOptions> = {}) => {
    const service = { id, name: "visapi", env: { SECRET: "one" }, launch: consumer.launch, healthDeadlineMs: 400 };
    const options: RenderOptions = { apiKey: "rnd", buildMs: 30, limitScale: 60, services: [service], ...more };
    const sim = await new RenderSimulator(options).start();
    running.push(sim);
    const call = caller(`${sim.url}/v1`, "rnd");
    const status = async (deployId: string) =>
      str((await call("GET", `/services/${id}/deploys/${deployId}`)).body.status);
    const deploy = async (body: unknown = {}) => {
      const reply = await call("POST", `/services/${id}/deploys`, body);
      assert.equal(reply.status, 201);
      return str(reply.body.id);
    };
    const ended = (deployId: string) =>
      until(async () => {
        const found = await status(deployId);
        return !/created|queued|progress/.test(found) && found;
      });
    const secretServed = async () => ((await (await fetch(sim.serviceUrl(id))).json()) as { secret: string }).secret;
    return { sim, call, deploy, status, ended, secretServed, consumer };
  };

  it("sets, reads, lists by cursor and deletes single variables", async () => {
    const { sim, call } = await begin();
    const path = `/services/${id}/env-vars`;
    const put = await call("PUT", `${path}/JWT_SECRET`, { value: "v=1" });
    assert.deepEqual([put.status, put.body], [200, { key: "JWT_SECRET", value: "v=1" }]);
    assert.match(str((await call("PUT", `${path}/GENERATED`, { generateValue: true })).body.value), /^\S{44}$/);
    const keys: string[] = [];
    for (let cursor = ""; ;) {
      const page = list((await call("GET", `${path}?limit=2&cursor=${cursor}`)).body);
      if (page.length === 0) break;
      keys.push(...page.map((item) => str(item.envVar?.key)));
      cursor = str(page.at(-1)?.cursor);
    }
    assert.deepEqual(keys, ["SECRET", "JWT_SECRET", "GENERATED"]);
    assert.equal((await call("DELETE", `${path}/GENERATED`)).status, 204);
    const gone = await call("DELETE", `${path}/GENERATED`);
    assert.equal(gone.status, 404);
    assert.deepEqual(Object.keys(gone.body), ["id", "message"]);
    assert.equal((await call("PUT", `${path}/A`, {})).status, 400);
    assert.equal((await call("PUT", `/services/srv-none/env-vars/A`, { value: "v" })).status, 404);
    assert.equal((await caller(sim.url, "wrong")("GET", path)).status, 401);
    assert.equal((await call("GET", "/owners")).body[0]?.owner?.id, "tea-sandbox0000000000");
    assert.equal((await call("GET", "/users")).status, 200);
  });

  it("loses what a bulk PUT does not list", async () => {
    const { call, sim } = await begin();
    const reply = await call("PUT", `/services/${id}/env-vars`, [{ key: "ONLY", value: "v" }]);
    assert.equal(reply.status, 200);
    assert.equal(sim.envVar(id, "SECRET"), undefined);
    assert.equal(sim.envVar(id, "ONLY"), "v");
  });

  it("brings a variable to the instances with a deploy, and not before", async () => {
    const { call, deploy, ended, secretServed, status, sim } = await begin(tinyConsumer(), { buildMs: 800 });
    const [first] = list((await call("GET", `/services/${id}/deploys?limit=1`)).body);
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "two" });
    assert.equal(await secretServed(), "one");
    const deployId = await deploy({ deployMode: "deploy_only" });
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "set while it builds" });
    assert.equal(await ended(deployId), "live");
    assert.equal(await secretServed(), "two");
    assert.equal(await status(str(first?.deploy?.id)), "deactivated");
    assert.deepEqual(sim.instances(id), [`${deployId}/0`, `${deployId}/1`]);
    await sim.settled(id);
    assert.deepEqual(
      sim.effects
        .lines()
        .filter((line) => !line.includes("/dep-") || line.includes(deployId))
        .map((line) => line.split("/")[0]),
      [
        `render env-var.put ${id}`,
        `render deploy.create ${id}`,
        `render env-var.put ${id}`,
        ...Array<string>(2).fill(`render instance.start ${id}`),
        `render deploy.live ${id}`,
      ],
    );
  });

  it("serves every request through two deploys", async () => {
    const consumer = tinyConsumer({ delayMs: 8 });
    const { call, deploy, ended, sim } = await begin(consumer);
    const traffic = load(sim.serviceUrl(id));
    for (const value of ["two", "three"]) {
      await call("PUT", `/services/${id}/env-vars/SECRET`, { value });
      assert.equal(await ended(await deploy()), "live");
      await sim.settled(id);
      await traffic.more(50);
    }
    const { requests, failures, secrets } = await traffic.stop();
    assert.deepEqual(failures, []);
    assert.ok(requests > 100, `only ${requests} requests`);
    assert.deepEqual([...secrets], ["one", "two", "three"]);
    assert.equal(consumer.started.length, 6);
    const exits = await Promise.all(consumer.started.slice(0, 4).map(({ running }) => running.exited));
    assert.deepEqual(exits, [0, 0, 0, 0], "the old instances ended in their own time");
  });

  it("keeps the old instances where the new ones are not healthy, or the build fails", async () => {
    const { call, deploy, ended, secretServed, sim } = await begin(
      tinyConsumer({ broken: (env) => env.SECRET === "bad" }),
    );
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "bad" });
    assert.equal(await ended(await deploy()), "update_failed");
    assert.equal(await secretServed(), "one");
    sim.failBuilds(id);
    assert.equal(await ended(await deploy()), "build_failed");
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "good" });
    assert.equal(await ended(await deploy()), "live");
    assert.equal(await secretServed(), "good");
  });

  it("queues a deploy during another one: 202 without a body, its id in the list", async () => {
    const { call, deploy, ended } = await begin(tinyConsumer(), { buildMs: 800 });
    const first = await deploy();
    const queued = await call("POST", `/services/${id}/deploys`);
    assert.deepEqual([queued.status, queued.body], [202, ""]);
    const [newest] = list((await call("GET", `/services/${id}/deploys?limit=1`)).body);
    assert.notEqual(newest?.deploy?.id, first);
    assert.equal(newest?.deploy?.status, "queued");
    assert.equal(await ended(str(newest?.deploy?.id)), "live");
    assert.equal(await ended(first), "deactivated");
  });

  it("refuses a deploy during another one with 409 where it does not queue", async () => {
    const { call, deploy, ended } = await begin(tinyConsumer(), { whenBusy: "conflict", buildMs: 800 });
    const first = await deploy();
    assert.equal((await call("POST", `/services/${id}/deploys`)).status, 409);
    assert.equal(await ended(first), "live");
  });

  it("cancels, rolls back, restarts and scales", async () => {
    const { call, deploy, ended, secretServed, sim, consumer } = await begin(tinyConsumer(), { buildMs: 500 });
    const [first] = list((await call("GET", `/services/${id}/deploys?limit=1`)).body);
    const canceled = await deploy();
    await call("POST", `/services/${id}/deploys`);
    const [waiting] = list((await call("GET", `/services/${id}/deploys?limit=1`)).body);
    for (const deployId of [str(waiting?.deploy?.id), canceled]) {
      assert.equal((await call("POST", `/services/${id}/deploys/${deployId}/cancel`)).body.status, "canceled");
      assert.equal(await ended(deployId), "canceled");
    }
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "two" });
    const second = await deploy({ clearCache: "clear" });
    assert.equal(await ended(second), "live");
    const rollback = await call("POST", `/services/${id}/rollback`, { deployId: first?.deploy?.id });
    assert.deepEqual([rollback.status, rollback.body.trigger], [201, "rollback"]);
    assert.equal(await ended(str(rollback.body.id)), "live");
    assert.equal(await secretServed(), "two", "a rollback takes the variables of today");

    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "three" });
    const before = consumer.started.length;
    assert.equal((await call("POST", `/services/${id}/restart`)).status, 200);
    await until(async () => consumer.started.length === before + 2);
    assert.equal(await secretServed(), "two", "a restart does not deploy");
    assert.equal((await call("POST", `/services/${id}/scale`, { numInstances: 3 })).status, 202);
    await until(async () => sim.instances(id).length === 3);
    assert.equal((await call("POST", `/services/${id}/scale`, { numInstances: 0 })).status, 400);
    await call("POST", `/services/${id}/scale`, { numInstances: 1 });
    await until(async () => sim.instances(id).length === 1);
    assert.equal(
      (await call("POST", `/services/${id}/deploys`, { deployMode: "deploy_only", commitId: "c" })).status,
      400,
    );
  });

  it("starts an instance again that died, with the variables it had", async () => {
    const { call, secretServed, consumer, sim } = await begin();
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "not deployed" });
    consumer.started[0]?.crash();
    await until(async () => sim.instances(id).length === 1);
    assert.equal(await secretServed(), "one");
    await until(async () => sim.instances(id).length === 2);
    assert.equal(consumer.started.at(-1)?.env.SECRET, "one");
  });

  it("launches after a restart what was live, and not what was only set", async () => {
    const directory = mkdtempSync(join(tmpdir(), "simulators-"));
    directories.push(directory);
    const { call, deploy, ended, sim } = await begin(tinyConsumer(), { directory });
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "two" });
    const live = await deploy();
    await ended(live);
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "three" });
    await sim.stop();
    const again = await begin(tinyConsumer(), { directory });
    assert.equal(await again.secretServed(), "two");
    assert.equal(again.sim.envVar(id, "SECRET"), "three");
    assert.equal(await again.status(live), "live");
    assert.equal(again.sim.effects.lines().filter((line) => line.includes("deploy.create")).length, 0);
  });

  it("resets in the middle of a deploy, at the same address", async () => {
    const { call, deploy, secretServed, sim } = await begin(tinyConsumer(), { buildMs: 60 });
    const url = sim.serviceUrl(id);
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "two" });
    await deploy();
    await sim.reset();
    assert.equal(sim.serviceUrl(id), url);
    assert.equal(await secretServed(), "one");
    assert.equal(list((await call("GET", `/services/${id}/deploys`)).body).length, 1);
  });

  it("goes on after a restart with a deploy that had not ended", async () => {
    const directory = mkdtempSync(join(tmpdir(), "simulators-"));
    directories.push(directory);
    const { call, deploy, sim } = await begin(tinyConsumer(), { directory, buildMs: 100 });
    await call("PUT", `/services/${id}/env-vars/SECRET`, { value: "two" });
    const interrupted = await deploy();
    await sim.stop();
    const again = await begin(tinyConsumer(), { directory });
    assert.equal(await again.ended(interrupted), "live");
    assert.equal(await again.secretServed(), "two");
  });

  it("limits deploys by service, other changes and reads by user, with its headers", async () => {
    const { call } = await begin(tinyConsumer(), { limitScale: 1, whenBusy: "conflict" });
    const headers = (reply: { headers: Headers }) =>
      ["ratelimit-limit", "ratelimit-remaining"].map((name) => reply.headers.get(name));
    assert.deepEqual(headers(await call("GET", "/owners")), ["400", "399"]);
    assert.deepEqual(headers(await call("PUT", `/services/${id}/env-vars/A`, { value: "v" })), ["30", "29"]);
    const first = await call("POST", `/services/${id}/deploys`);
    assert.deepEqual(headers(first), ["10", "9"]);
    for (let turn = 0; turn < 9; turn++) await call("POST", `/services/${id}/deploys`);
    const refused = await call("POST", `/services/${id}/deploys`);
    assert.equal(refused.status, 429);
    assert.deepEqual(Object.keys(refused.body), ["id", "message"]);
    const wait = Number(refused.headers.get("retry-after"));
    assert.ok(wait > 50 && wait <= 60);
    assert.equal(refused.headers.get("ratelimit-reset"), String(wait));
  });
});
