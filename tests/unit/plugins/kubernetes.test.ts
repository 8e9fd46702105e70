import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import type { KubeObject } from "../../../sandbox/plugins/kubernetes/client.ts";
import { Secret, unknown, Unknown, type Properties } from "../../../provider/wire/values.ts";
import { clusterUnderTest, type ClusterUnderTest } from "../../support/fake-kubernetes.ts";
import { itOfStandIn, startPlugin, up, type Plugin, type State } from "../../support/plugin.ts";

const tokens = {
  namespace: "kubernetes:core/v1:Namespace",
  secret: "kubernetes:core/v1:Secret",
  configMap: "kubernetes:core/v1:ConfigMap",
};
const canary = "canary-7f3a-value";
const inBase64 = (text: string): string => Buffer.from(text).toString("base64");

describe("the kubernetes plugin", () => {
  let cluster: ClusterUnderTest;
  let plugin: Plugin;
  let mutable: Plugin;
  /** A namespace of this run's own, so that the suite can run twice against one cluster. */
  const namespace = `contract-${process.pid}`;
  const plugins: Plugin[] = [];

  const start = async (config: Properties = {}): Promise<Plugin> => {
    const started = await startPlugin("kubernetes", { KUBECONFIG: "", PULUMI_K8S_ENABLE_SECRET_MUTABLE: "" });
    plugins.push(started);
    await started.configure({ kubeconfig: cluster.kubeconfig, ...config });
    return started;
  };
  const secret = (name: string | undefined, data: Record<string, string>, more: Properties = {}): Properties => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace, ...(name ? { name } : {}) },
    data: new Secret(Object.fromEntries(Object.entries(data).map(([key, value]) => [key, inBase64(value)]))),
    ...more,
  });
  const annotated = (inputs: Properties, annotations: Record<string, string>): Properties => ({
    ...inputs,
    metadata: { ...(inputs["metadata"] as Properties), annotations },
  });
  const live = async (name: string, kind = "secrets"): Promise<KubeObject | undefined> => {
    const path = `/api/v1/namespaces/${namespace}/${kind}/${name}`;
    const { status, body } = await cluster.client.call("GET", path, { accept: [404] });
    return status === 404 ? undefined : body;
  };
  const metadata = (state: State): Properties => state.outputs["metadata"] as Properties;
  const byHand = (inputs: Properties, fieldManager = "kubectl-create"): Promise<unknown> =>
    cluster.client.call("POST", `/api/v1/namespaces/${namespace}/secrets`, {
      body: { ...inputs, data: (inputs["data"] as Secret).reveal() as object },
      query: { fieldManager },
    });

  before(async () => {
    cluster = await clusterUnderTest();
    plugin = await start();
    mutable = await start({ enableSecretMutable: true, enableConfigMapMutable: true });
  });
  after(async () => {
    await cluster.client.call("DELETE", `/api/v1/namespaces/${namespace}`, { accept: [404] });
    await Promise.all(plugins.map((each) => each.stop()));
    await cluster.stop();
  });

  describe("Namespace", () => {
    it("creates one, without a namespace of its own, and notices that it is gone", async () => {
      const inputs = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
      const state = await up(plugin, tokens.namespace, inputs);
      assert.equal(state.id, namespace);
      assert.equal((await plugin.diff(tokens.namespace, state, inputs)).changes, false);
      const gone = { ...state, id: `${namespace}-none` };
      assert.equal(await plugin.read(tokens.namespace, gone), undefined);
    });

    it("refuses what exists, and gives up what may not be deleted", async () => {
      const inputs = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default" } };
      await assert.rejects(
        up(plugin, tokens.namespace, inputs),
        /resource default was not successfully created by the Kubernetes API server : namespaces "default" already exists/,
      );
      const upserting = await start({ upsertExistingObjects: true });
      const state = await up(upserting, tokens.namespace, inputs);
      await upserting.delete(tokens.namespace, state);
      assert.ok(await upserting.read(tokens.namespace, state));
    });
  });

  describe("Secret", () => {
    it("creates one with its data secret in state and inputs, and in no id", async () => {
      const state = await up(plugin, tokens.secret, secret("first", { KEY: canary }));
      assert.equal(state.id, `${namespace}/first`);
      assert.ok(state.outputs["data"] instanceof Secret);
      assert.ok((state.outputs["__inputs"] as Properties)["data"] instanceof Secret);
      assert.ok(!JSON.stringify(metadata(state)).includes(inBase64(canary)));
      assert.deepEqual((await live("first"))?.["data"], { KEY: inBase64(canary) });
      assert.equal((await plugin.diff(tokens.secret, state, state.inputs)).changes, false);
      const { inputs } = await plugin.check(tokens.secret, { ...secret("x", {}), data: { KEY: "cGxhaW4=" } });
      assert.ok(inputs["data"] instanceof Secret, "whatever the program says, data is secret");
    });

    it("replaces for new data, with deletion first where the name is fixed, unless Secrets are mutable", async () => {
      const state = await up(plugin, tokens.secret, secret("second", { KEY: "one" }));
      const news = secret("second", { KEY: "two" });
      assert.deepEqual(await plugin.diff(tokens.secret, state, news), {
        changes: true,
        diffs: ["data"],
        replaces: ["data"],
      });
      assert.deepEqual((await mutable.diff(tokens.secret, state, news)).replaces, []);
      assert.deepEqual((await mutable.diff(tokens.secret, state, { ...news, immutable: true })).replaces, ["data"]);
      assert.deepEqual((await mutable.diff(tokens.secret, state, secret("other", { KEY: "one" }))).replaces, [
        "metadata",
      ]);
      const labelled = secret(
        "second",
        { KEY: "one" },
        { metadata: { name: "second", namespace, labels: { a: "b" } } },
      );
      assert.deepEqual((await plugin.diff(tokens.secret, state, labelled)).replaces, []);
      const ignored = await mutable.diff(tokens.secret, state, news, ["data"]);
      assert.equal(ignored.changes, false);
    });

    it("updates in place, tells when by its field manager, and leaves the keys of others", async () => {
      const given = annotated(secret("third", { KEY: "one" }), { "pulumi.com/patchFieldManager": "rotation" });
      let state = await up(mutable, tokens.secret, given);
      const { uid } = metadata(state);
      const path = `/api/v1/namespaces/${namespace}/secrets/third`;
      await cluster.client.call("PATCH", path, {
        body: { apiVersion: "v1", kind: "Secret", metadata: { name: "third" }, data: { THEIRS: inBase64("x") } },
        contentType: "application/apply-patch+yaml",
        query: { fieldManager: "somebody" },
      });
      const news = annotated(secret("third", { KEY: "two" }), { "pulumi.com/patchFieldManager": "rotation" });
      state = await mutable.update(tokens.secret, state, news);
      assert.deepEqual((await live("third"))?.["data"], { KEY: inBase64("two"), THEIRS: inBase64("x") });
      assert.equal(metadata(state)["uid"], uid);
      const mine = (metadata(state)["managedFields"] as Properties[]).filter(
        (field) => field["manager"] === "rotation",
      );
      assert.deepEqual(
        mine.map((field) => field["operation"]),
        ["Apply"],
      );
      assert.match(mine[0]?.["time"] as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.equal((await mutable.diff(tokens.secret, state, news)).changes, false, "a key of others is no difference");
    });

    it("names a conflict with another writer, and overrides it when told to", async () => {
      await byHand(secret("fourth", { KEY: "theirs" }), "somebody");
      const upserting = await start({ enableSecretMutable: true, upsertExistingObjects: true });
      await assert.rejects(up(upserting, tokens.secret, secret("fourth", { KEY: canary })), (error: Error) => {
        assert.match(error.message, /Server-Side Apply field conflict detected[^]*conflict with "somebody"/);
        assert.ok(!error.message.includes(canary) && !error.message.includes(inBase64(canary)));
        return true;
      });
      const forced = annotated(secret("fourth", { KEY: canary }), { "pulumi.com/patchForce": "true" });
      await up(upserting, tokens.secret, forced);
      assert.deepEqual((await live("fourth"))?.["data"], { KEY: inBase64(canary) });
      await assert.rejects(up(plugin, tokens.secret, forced), /fourth was not successfully created[^]*already exists/);
    });

    it("keeps what is immutable", async () => {
      const state = await up(mutable, tokens.secret, secret("fifth", { KEY: "one" }, { immutable: true }));
      await assert.rejects(
        mutable.update(tokens.secret, state, secret("fifth", { KEY: canary }, { immutable: true })),
        (error: Error) => {
          assert.match(
            error.message,
            /update of resource .*fifth failed[^]*field is immutable when `immutable` is set/,
          );
          return !error.message.includes(canary);
        },
      );
    });

    it("makes up a name once, and replaces such a Secret without deleting it first", async () => {
      const state = await up(plugin, tokens.secret, secret(undefined, { KEY: "one" }));
      const name = metadata(state)["name"] as string;
      assert.match(name, /^demo-[0-9a-z]{7,8}$/);
      const again = await plugin.check(tokens.secret, secret(undefined, { KEY: "two" }), state.inputs);
      assert.equal((again.inputs["metadata"] as Properties)["name"], name);
      assert.deepEqual((await plugin.diff(tokens.secret, state, again.inputs)).replaces, ["data"]);
    });

    it("previews by the server where it can, and never writes", async () => {
      const previewed = await plugin.create(tokens.secret, secret("sixth", { KEY: "one" }), true);
      assert.equal(previewed.id, "");
      assert.equal(await live("sixth"), undefined);
      const open = await plugin.create(tokens.secret, { ...secret("sixth", {}), data: { KEY: unknown } }, true);
      const data = open.outputs["data"];
      assert.ok(((data instanceof Secret ? data.reveal() : data) as Properties)["KEY"] instanceof Unknown);
      const state = await up(mutable, tokens.secret, secret("sixth", { KEY: "one" }));
      await mutable.update(tokens.secret, state, secret("sixth", { KEY: "two" }), true);
      assert.deepEqual((await live("sixth"))?.["data"], { KEY: inBase64("one") });
    });

    it("reads back what somebody has changed, and imports by its id", async () => {
      const state = await up(mutable, tokens.secret, secret("seventh", { KEY: "one" }));
      const path = `/api/v1/namespaces/${namespace}/secrets/seventh`;
      await cluster.client.call("PATCH", path, {
        body: { apiVersion: "v1", kind: "Secret", metadata: { name: "seventh" }, data: { KEY: inBase64("drift") } },
        contentType: "application/apply-patch+yaml",
        query: { fieldManager: "somebody", force: "true" },
      });
      const read = (await mutable.read(tokens.secret, state)) ?? assert.fail("gone");
      assert.deepEqual((await mutable.diff(tokens.secret, read, state.inputs)).diffs, ["data"]);
      const imported = await mutable.read(tokens.secret, { id: state.id, inputs: {}, outputs: {} });
      assert.equal(((imported?.inputs["metadata"] ?? {}) as Properties)["name"], "seventh");
      assert.ok(imported?.inputs["data"] instanceof Secret);
      await mutable.delete(tokens.secret, state);
      assert.equal(await mutable.read(tokens.secret, state), undefined);
      await mutable.delete(tokens.secret, state);
    });
  });

  describe("ConfigMap", () => {
    it("is plain, and mutable only when told", async () => {
      const inputs = (text: string): Properties => ({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "jwks", namespace },
        data: { "jwks.json": text },
      });
      const state = await up(mutable, tokens.configMap, inputs("{}"));
      assert.equal(((state.outputs["data"] ?? {}) as Properties)["jwks.json"], "{}");
      assert.deepEqual((await plugin.diff(tokens.configMap, state, inputs("[]"))).replaces, ["data"]);
      assert.deepEqual((await mutable.diff(tokens.configMap, state, inputs("[]"))).replaces, []);
      await mutable.update(tokens.configMap, state, inputs("[]"));
      assert.deepEqual((await live("jwks", "configmaps"))?.["data"], { "jwks.json": "[]" });
    });
  });

  it("says when the cluster cannot be reached", async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const config = {
      "current-context": "none",
      clusters: [{ name: "none", cluster: { server: `https://127.0.0.1:${port}` } }],
      users: [{ name: "none", user: { token: "none" } }],
      contexts: [{ name: "none", context: { cluster: "none", user: "none" } }],
    };
    const lost = await start({ kubeconfig: JSON.stringify(config) });
    await assert.rejects(
      lost.create(tokens.secret, secret("lost", { KEY: canary })),
      /configured Kubernetes cluster is unreachable: .*(ECONNREFUSED|connection refused)/,
    );
  });

  itOfStandIn("refuses by name what it does not cover", async () => {
    const { failures } = await plugin.check(tokens.secret, secret("x", {}, { stringData: { A: "b" }, dta: {} }));
    assert.match(failures.join("\n"), /does not cover input 'stringData'/);
    assert.match(failures.join("\n"), /has no input 'dta'/);
    const config = await plugin.checkConfig({ renderYamlToDirectory: "/tmp", enableServerSideApply: false });
    assert.match(config.failures.join("\n"), /renderYamlToDirectory[^]*only covers server-side apply/);
  });
});
