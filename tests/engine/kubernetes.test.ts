import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KubeClient } from "../../sandbox/plugins/kubernetes/client.ts";
import { unreachableRegistry } from "../../sandbox/servers/kwok-stages.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { pulumi } from "../../sandbox/stack.ts";
import { touched, World, type Run } from "../support/world.ts";

const namespace = "intelliflow";
const deployments = ["api", "web"];

interface Pod {
  metadata: { name: string; labels: Record<string, string>; deletionTimestamp?: string };
}
interface Deployment {
  metadata: { generation: number; annotations: Record<string, string> };
  spec: { template: { metadata: { annotations?: Record<string, string> } } };
}

describe("Kubernetes on the real engine", () => {
  let world: World;
  let client: KubeClient;

  const path = (kind: string, name = ""): string => {
    const api = kind === "deployments" ? "/apis/apps/v1" : "/api/v1";
    return `${api}/namespaces/${namespace}/${kind}${name ? `/${name}` : ""}`;
  };
  const get = async <T>(kind: string, name: string): Promise<T> =>
    (await client.call("GET", path(kind, name))).body as unknown as T;
  const patch = (kind: string, name: string, body: object): Promise<unknown> =>
    client.call("PATCH", path(kind, name), { body, contentType: "application/strategic-merge-patch+json" });
  /** The value of one key, as a pod would get it. */
  const value = async (secret: string, key: string): Promise<string> => {
    const { data } = await get<{ data: Record<string, string> }>("secrets", secret);
    return Buffer.from(data[key] ?? "", "base64").toString();
  };
  const pods = async (app: string): Promise<string[]> => {
    const { body } = await client.call("GET", path("pods"), { query: { labelSelector: `app=${app}` } });
    const { items } = body as unknown as { items: Pod[] };
    return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
  };
  const restarts = async (name: string): Promise<number> => {
    const { spec } = await get<Deployment>("deployments", name);
    return Number(spec.template.metadata.annotations?.["secret-rotation/restart"] ?? 0);
  };
  const cordon = (unschedulable: boolean): Promise<unknown> =>
    Promise.all(
      (world.sandbox.kubernetes?.nodes ?? []).map((node) =>
        client.call("PATCH", `/api/v1/nodes/${node}`, {
          body: { spec: { unschedulable } },
          contentType: "application/merge-patch+json",
        }),
      ),
    );
  let forced: object = {};
  const declare = ({ timeoutSeconds = 60, minimumReplicas, ...more }: Record<string, unknown> = {}): void =>
    world.configure({
      "secret-rotation:forced": forced,
      "secret-rotation:cluster": {
        deployments: deployments.map((name) => ({ name, timeoutSeconds, minimumReplicas })),
        secrets: [{ name: "SESSION_SECRET", graceHours: 1 }, { name: "API_TOKEN" }],
        ...more,
      },
    });
  const good = async (run: Promise<Run>): Promise<Run> => {
    const done = await run;
    if (done.code !== 0) console.error(done.output);
    assert.equal(done.code, 0, done.errors.join("\n"));
    return done;
  };

  before(async function () {
    this.timeout(3_600_000);
    const secrets = ["session-secret", "api-token"];
    world = await World.start({
      kubernetes: { namespace, deployments: deployments.map((name) => ({ name, secrets })) },
    });
    world.program = "kubernetes";
    client = world.sandbox.kubernetes?.client ?? assert.fail("no cluster");
    declare();
  });
  after(async () => world.stop());

  it("writes each secret to a Secret of its own, and restarts each Deployment once for all of them", async () => {
    const old = Object.fromEntries(
      await Promise.all(deployments.map(async (name) => [name, await pods(name)] as const)),
    );
    await good(world.up());
    assert.match(await value("api-token", "API_TOKEN"), /^[0-9a-f]{64}$/);
    assert.match(await value("session-secret", "SESSION_SECRET"), /^[0-9a-f]{64}$/);
    assert.equal(await value("session-secret", "SESSION_SECRET_PREVIOUS"), "");
    for (const name of deployments) {
      assert.equal(await restarts(name), 1, `${name} restarts once for two secrets`);
      const now = await pods(name);
      assert.equal(now.length, 2);
      assert.deepEqual(
        now.filter((pod) => old[name]?.includes(pod)),
        [],
        `every pod of ${name} is a new one`,
      );
    }
  });

  it("changes and restarts nothing when nothing is due, also after a refresh", async () => {
    const before = await Promise.all(deployments.map(pods));
    const run = await good(world.up({ now: world.later(1) }));
    assert.deepEqual(run.steps, []);
    // A label of somebody else is no new value.
    await patch("secrets", "api-token", { metadata: { labels: { team: "crm" } } });
    const refreshed = await good(world.up({ now: world.later(1), args: ["--refresh"] }));
    assert.deepEqual(refreshed.steps, []);
    assert.deepEqual(await Promise.all(deployments.map(pods)), before);
  });

  /** What a person asks for: the secret rotates now, and nothing else. */
  const force = (generation: number, more: Record<string, unknown> = {}): void => {
    forced = { "intelliflow/API_TOKEN": { generation, reason: "test", by: "ops", at: world.now } };
    declare(more);
  };
  const target = ["--target", "**::intelliflow/API_TOKEN/**"];

  it("shows a restart in the preview, without a value, and makes it for the one secret that rotates", async () => {
    const [token, session] = [await value("api-token", "API_TOKEN"), await value("session-secret", "SESSION_SECRET")];
    const uid = async (): Promise<unknown> =>
      (await get<{ metadata: { uid: string } }>("secrets", "api-token")).metadata.uid;
    const before = await uid();
    force(2);
    const preview = await good(world.preview());
    assert.ok(preview.steps.some(({ name, op }) => name === "intelliflow/API_TOKEN/rollout-api" && op === "update"));
    for (const text of [token, Buffer.from(token).toString("base64")]) assert.ok(!preview.output.includes(text));
    assert.equal(await value("api-token", "API_TOKEN"), token);

    const run = await good(world.up({ args: target }));
    assert.deepEqual(touched(run), ["API_TOKEN"]);
    assert.notEqual(await value("api-token", "API_TOKEN"), token);
    assert.equal(await value("session-secret", "SESSION_SECRET"), session);
    assert.equal(await uid(), before, "written in place: the Secret was there all the time");
    assert.deepEqual(await Promise.all(deployments.map(restarts)), [2, 2]);
    const order = run.steps.map(({ name }) => name.split("/")[2]);
    assert.ok(order.indexOf("rollout-api") < order.indexOf("rollout-web"), "one Deployment after the other");
    const { spec } = await get<Deployment>("deployments", "api");
    assert.match(
      spec.template.metadata.annotations?.["secret-rotation/restarted-for"] ?? "",
      /^intelliflow\/API_TOKEN generation 2 of 2027-03-01T03:00:00Z$/,
    );
    assert.deepEqual((await good(world.up())).steps, []);
  });

  it("keeps every value out of the state, the logs of the cluster and the pods' templates", async () => {
    const values = [await value("api-token", "API_TOKEN"), await value("session-secret", "SESSION_SECRET")];
    const wanted = values.flatMap((text) => [text, Buffer.from(text).toString("base64")]);
    const files = ["state", "logs"].flatMap((folder) =>
      readdirSync(join(world.dir, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    );
    assert.ok(files.length > 5);
    for (const file of files)
      for (const text of wanted) assert.ok(!readFileSync(file).includes(text), `${file} holds a value`);
    for (const name of deployments)
      for (const text of wanted) assert.ok(!JSON.stringify(await get("deployments", name)).includes(text));
  });

  it("goes on after a kill in the middle of a restart, without a second one", async () => {
    force(3);
    let pid = 0;
    const killed = await world.up({
      onStart: (started) => (pid = started),
      onOutput: (text) => {
        if (/rollout-api (updating|creating)/.test(text)) setTimeout(() => process.kill(pid, "SIGKILL"), 1_500);
      },
    });
    assert.notEqual(killed.code, 0);
    const token = await value("api-token", "API_TOKEN");
    const api = await restarts("api");
    await pulumi(["cancel", "--yes", "--non-interactive"], { env: world.sandbox.env });
    await good(world.up());
    assert.equal(await value("api-token", "API_TOKEN"), token, "not rotated twice");
    assert.equal(await restarts("api"), Math.max(api, 3), "nor restarted twice");
    assert.equal(await restarts("web"), 3);
  });

  it("says which pod cannot start and why, leaves the old pods alone, and goes on once it can", async () => {
    await cordon(true);
    const old = await pods("api");
    force(4, { timeoutSeconds: 8 });
    const failed = await world.up();
    assert.notEqual(failed.code, 0);
    const [error = ""] = failed.errors;
    assert.match(
      error,
      /Kubernetes deployment intelliflow\/api: deploy api-\w+ is still "1 of 2 new pods made" after 8 s/,
    );
    assert.match(error, /pod api-\w+-\w+ is not scheduled \(Unschedulable: 0\/2 nodes are available: .*unschedulable/);
    assert.match(error, /The old instances serve on; nothing was revoked/);
    const now = await pods("api");
    assert.deepEqual(
      old.filter((pod) => !now.includes(pod)),
      [],
      "both old pods serve on",
    );
    assert.equal(await restarts("web"), 3, "nothing behind it has begun");
    assert.ok(!failed.steps.some(({ name }) => name.endsWith("/verification")));

    const token = await value("api-token", "API_TOKEN");
    await cordon(false);
    declare();
    await good(world.up());
    assert.equal(await value("api-token", "API_TOKEN"), token, "not rotated twice");
    assert.deepEqual(await Promise.all(deployments.map(restarts)), [4, 4]);
    assert.deepEqual((await good(world.up())).steps, []);
  });

  it("names an image that cannot be pulled, and takes the mended rollout of somebody else for its restart", async () => {
    const setImage = (image: string): Promise<unknown> =>
      patch("deployments", "web", { spec: { template: { spec: { containers: [{ name: "web", image }] } } } });
    const image = "registry.k8s.io/pause:3.10";
    await setImage(`${unreachableRegistry}web:2`);
    force(5, { timeoutSeconds: 8 });
    const failed = await world.up();
    assert.notEqual(failed.code, 0);
    assert.match(
      failed.errors.join("\n"),
      /intelliflow\/web: .*pod web-\w+-\w+ waits in container web \(ImagePullBackOff: Back-off pulling image unreachable\.invalid\/web:2\) \[Failed: Failed to pull image/,
    );
    const before = await restarts("web");
    await setImage(image);
    declare();
    await good(world.up());
    assert.equal(await restarts("web"), before, "the new image has brought new pods already");
    assert.deepEqual((await good(world.up())).steps, []);
  });

  it("ends the previous value after its grace, with a restart of its own", async () => {
    world.now = world.later(31);
    const old = await value("session-secret", "SESSION_SECRET");
    declare();
    await good(world.up());
    assert.equal(await value("session-secret", "SESSION_SECRET_PREVIOUS"), old);
    const before = await restarts("api");
    const run = await good(world.up({ now: world.later(0, 2) }));
    assert.deepEqual(touched(run), ["SESSION_SECRET"]);
    assert.equal(await value("session-secret", "SESSION_SECRET_PREVIOUS"), "");
    assert.equal(await restarts("api"), before + 1);
    world.now = world.later(0, 2);
  });

  it("refuses one replica in production before anything happens, unless it is told to", async () => {
    const scale = (replicas: number): Promise<unknown> => patch("deployments", "web", { spec: { replicas } });
    await scale(1);
    const token = await value("api-token", "API_TOKEN");
    force(6, { environment: "production" });
    const refused = await world.up();
    assert.notEqual(refused.code, 0);
    assert.match(
      refused.output,
      /deployment intelliflow\/web has 1 replica; a restart needs 2, .*kubectl -n intelliflow scale deployment\/web --replicas=2; or declare it with minimumReplicas: 1/,
    );
    assert.equal(await value("api-token", "API_TOKEN"), token);
    declare({ environment: "production", minimumReplicas: 1 });
    await good(world.up());
    assert.notEqual(await value("api-token", "API_TOKEN"), token);
    await scale(2);
    declare();
    await good(world.up());
  });

  it("lives through a restart of the API server, or says so and goes on in the next run", async () => {
    force(7);
    const token = await value("api-token", "API_TOKEN");
    let restarted: Promise<void> | undefined;
    const run = await world.up({
      onOutput: (text) => {
        if (/rollout-api updating/.test(text)) restarted ??= world.sandbox.kubernetes?.restartApiServer();
      },
    });
    await restarted;
    if (run.code !== 0) assert.match(run.errors.join("\n"), /Kubernetes/);
    await waitFor(
      () =>
        client.call("GET", "/readyz").then(
          () => true,
          () => false,
        ),
      { what: "the API server" },
    );
    const changed = await value("api-token", "API_TOKEN");
    assert.notEqual(changed, token);
    await good(world.up());
    assert.equal(await value("api-token", "API_TOKEN"), changed);
    assert.deepEqual((await good(world.up())).steps, []);
  });

  it("refuses two secrets for one Kubernetes Secret, and names both", async () => {
    declare({
      secrets: [
        { name: "SESSION_SECRET", secret: "app" },
        { name: "API_TOKEN", secret: "app" },
      ],
    });
    const run = await world.preview();
    assert.notEqual(run.code, 0);
    assert.match(
      run.output,
      /intelliflow\/API_TOKEN and intelliflow\/SESSION_SECRET both go to the Kubernetes Secret intelliflow\/app; give each its own name/,
    );
  });
});
