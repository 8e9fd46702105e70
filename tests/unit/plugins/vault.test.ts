import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { reveal, Secret, unknown, Unknown, type Properties } from "../../../provider/wire/values.ts";
import { itOfFakeVault, vaultUnderTest, type VaultUnderTest } from "../../support/fake-vault.ts";
import { itOfStandIn, official, startPlugin, up, type Plugin, type State } from "../../support/plugin.ts";

const mountToken = "vault:index/mount:Mount";
const secretToken = "vault:kv/secretV2:SecretV2";
const canary = "canary-7f3a-value";

describe("the vault plugin", () => {
  let vault: VaultUnderTest;
  let plugin: Plugin;
  /** A mount of this run's own, so that the suite can run twice against one Vault. */
  const path = `kv-${process.pid}`;
  const plugins: Plugin[] = [];

  const start = async (config: Properties = {}, env: Record<string, string> = {}): Promise<Plugin> => {
    const started = await startPlugin("vault", { VAULT_MAX_RETRIES: "0", VAULT_TOKEN: "", VAULT_ADDR: "", ...env });
    plugins.push(started);
    await started.configure({ address: vault.address, token: new Secret(vault.token), ...config });
    return started;
  };
  const data = async (name: string): Promise<unknown> => {
    const { body } = await vault.call("GET", `${path}/data/${name}`);
    return (body["data"] as Record<string, unknown> | undefined)?.["data"];
  };
  const inputs = (name: string, value: object, more: Properties = {}): Properties => ({
    mount: path,
    name,
    dataJson: new Secret(JSON.stringify(value)),
    ...more,
  });
  const version = (state: State): unknown => (state.outputs["metadata"] as Properties)["version"];

  before(async () => {
    vault = await vaultUnderTest();
    await vault.call("POST", `sys/mounts/${path}`, { type: "kv", options: { version: "2" } });
    for (let i = 0; i < 20 && (await vault.call("GET", `${path}/config`)).status === 400; i++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    plugin = await start();
  });
  after(async () => {
    await vault.call("DELETE", `sys/mounts/${path}`);
    await Promise.all(plugins.map((each) => each.stop()));
    await vault.stop();
  });

  describe("vault.Mount", () => {
    const mountPath = `${path}-made`;
    let state: State;

    it("creates a KV v2 engine and reports it as it was given", async () => {
      state = await up(plugin, mountToken, {
        path: mountPath,
        type: "kv",
        options: { version: "2" },
        description: "test",
      });
      assert.equal(state.id, mountPath);
      assert.equal(state.outputs["type"], "kv");
      assert.deepEqual(state.outputs["options"], { version: "2" });
      assert.match(state.outputs["accessor"] as string, /^kv_/);
      assert.equal((await plugin.diff(mountToken, state, state.inputs)).changes, false);
    });

    it("updates description and lease times in place, replaces by type, and refuses to move", async () => {
      assert.deepEqual((await plugin.diff(mountToken, state, { ...state.inputs, type: "transit" })).replaces, ["type"]);
      const changed = { ...state.inputs, description: "other", maxLeaseTtlSeconds: 7200 };
      const diff = await plugin.diff(mountToken, state, changed);
      assert.deepEqual([diff.diffs.sort(), diff.replaces], [["description", "maxLeaseTtlSeconds"], []]);
      state = await plugin.update(mountToken, state, changed);
      assert.equal(state.outputs["description"], "other");
      assert.equal(state.outputs["maxLeaseTtlSeconds"], 7200);
      if (official) return;
      const { failures } = await plugin.check(mountToken, { ...changed, path: "elsewhere" }, state.inputs);
      assert.match(failures.join(), /does not move a mount/);
    });

    it("keeps the alias kv-v2, and says when the path is taken", async () => {
      const alias = await up(plugin, mountToken, { path: `${mountPath}-alias`, type: "kv-v2" });
      assert.equal(alias.outputs["type"], "kv-v2");
      assert.equal((await plugin.diff(mountToken, alias, alias.inputs)).changes, false);
      await assert.rejects(
        up(plugin, mountToken, alias.inputs),
        /error writing to Vault[^]*Code: 400[^]*already in use/,
      );
      await plugin.delete(mountToken, alias);
    });

    it("notices that the mount is gone", async () => {
      assert.ok(await plugin.read(mountToken, state));
      await plugin.delete(mountToken, state);
      assert.equal(await plugin.read(mountToken, state), undefined);
    });

    itOfStandIn("refuses by name what it does not cover", async () => {
      const { failures } = await plugin.check(mountToken, { path: "x", type: "kv", forceNoCache: true, tpye: "kv" });
      assert.match(failures.join("\n"), /does not cover input 'forceNoCache'[^]*has no input 'tpye'/);
      assert.match(
        (await plugin.check(mountToken, { type: "kv" })).failures.join(),
        /Missing required property 'path'/,
      );
    });
  });

  describe("vault.kv.SecretV2", () => {
    it("writes a version, keeps the value secret and out of the id", async () => {
      const state = await up(plugin, secretToken, inputs("app/first", { zeta: 1, alpha: canary }));
      assert.equal(state.id, `${path}/data/app/first`);
      assert.equal(state.outputs["path"], state.id);
      assert.ok(state.outputs["dataJson"] instanceof Secret);
      assert.equal(reveal(state.outputs["dataJson"]), `{"alpha":"${canary}","zeta":1}`);
      assert.deepEqual(reveal(state.outputs["data"]), {});
      assert.equal(version(state), "1");
      assert.deepEqual(await data("app/first"), { alpha: canary, zeta: 1 });
      assert.ok((await plugin.check(secretToken, inputs("x", {}))).inputs["dataJson"] instanceof Secret);
    });

    it("compares documents, not their spelling; a new value is a new version in place", async () => {
      const state = await up(plugin, secretToken, inputs("app/second", { a: "1", b: "<x>" }));
      const checked = async (given: Properties): Promise<Properties> => (await plugin.check(secretToken, given)).inputs;
      const spelled = await checked({ ...state.inputs, dataJson: '{ "b": "<x>",\n "a": "1" }' });
      assert.equal((await plugin.diff(secretToken, state, spelled)).changes, false);

      const changed = await checked(inputs("app/second", { a: canary }));
      const diff = await plugin.diff(secretToken, state, changed);
      assert.deepEqual([diff.diffs, diff.replaces], [["dataJson"], []]);
      const preview = await plugin.update(secretToken, state, changed, true);
      assert.equal(version(preview), "1");
      const updated = await plugin.update(secretToken, state, changed);
      assert.equal(version(updated), "2");
      assert.deepEqual(await data("app/second"), { a: canary }, "fields that are left out are gone");
      assert.deepEqual((await plugin.diff(secretToken, updated, inputs("other", { a: canary }))).replaces, ["name"]);
    });

    it("previews without Vault", async () => {
      const alone = await startPlugin("vault", { VAULT_ADDR: "", VAULT_TOKEN: "" });
      plugins.push(alone);
      await alone.configure({});
      const { outputs } = await alone.create(secretToken, inputs("p", { a: 1 }, { options: { cas: unknown } }), true);
      assert.ok(outputs["metadata"] instanceof Unknown);
      await alone.check(secretToken, { mount: path, name: "p", dataJson: unknown });
    });

    it("takes compare-and-set from the options and ignores the top-level one", async () => {
      const ignored = await up(plugin, secretToken, inputs("app/cas", { a: 1 }, { cas: 99 }));
      assert.equal(version(ignored), "1");
      const wrong = inputs("app/cas", { a: canary }, { options: { cas: "7" } });
      await assert.rejects(plugin.update(secretToken, ignored, wrong), (error: Error) => {
        assert.match(error.message, /Code: 400[^]*check-and-set parameter did not match the current version/);
        assert.ok(!error.message.includes(canary));
        return true;
      });
      const right = await plugin.update(secretToken, ignored, inputs("app/cas", { a: 2 }, { options: { cas: "1" } }));
      assert.equal(version(right), "2");
    });

    it("writes custom metadata beside the data, and reads back what the server keeps", async () => {
      const metadata = { maxVersions: 5, casRequired: true, deleteVersionAfter: 3700, data: { owner: "team" } };
      const state = await up(plugin, secretToken, inputs("app/meta", { a: 1 }, { customMetadata: metadata }));
      assert.deepEqual(state.outputs["customMetadata"], metadata);
      assert.equal((await plugin.diff(secretToken, state, state.inputs)).changes, false);
      await assert.rejects(plugin.update(secretToken, state, state.inputs), /check-and-set parameter required/);
      const plain = await up(plugin, secretToken, inputs("app/plain", { a: 1 }));
      assert.equal((await plugin.diff(secretToken, plain, plain.inputs)).changes, false);
    });

    it("sees another version on refresh, but not that the value differs", async () => {
      const state = await up(plugin, secretToken, inputs("app/drift", { a: "mine" }));
      await vault.call("POST", `${path}/data/app/drift`, { data: { a: "theirs" } });
      const read = await plugin.read(secretToken, state);
      assert.ok(read);
      assert.equal(version(read), "2");
      assert.equal(reveal(read.outputs["dataJson"]), '{"a":"mine"}');
      assert.equal((await plugin.diff(secretToken, read, read.inputs)).changes, false);
    });

    it("soft-deletes the latest version only, or everything when asked", async () => {
      const state = await up(plugin, secretToken, inputs("app/gone", { a: 1 }));
      await plugin.delete(secretToken, state);
      assert.equal(await data("app/gone"), null);
      assert.ok(await plugin.read(secretToken, state), "a soft-deleted secret is still there");
      const all = await up(plugin, secretToken, inputs("app/all", { a: 1 }, { deleteAllVersions: true }));
      await plugin.delete(secretToken, all);
      assert.equal((await vault.call("GET", `${path}/metadata/app/all`)).status, 404);
      assert.equal(await plugin.read(secretToken, all), undefined);
    });

    it("leaves metadata alone with disableRead, and imports by path", async () => {
      const blind = await up(plugin, secretToken, inputs("app/blind", { a: 1 }, { disableRead: true }));
      assert.equal(blind.outputs["metadata"], undefined);
      const imported = await plugin.read(secretToken, { id: `${path}/data/app/blind`, inputs: {}, outputs: {} });
      assert.deepEqual([imported?.outputs["mount"], imported?.outputs["name"]], [path, "app/blind"]);
      assert.equal(await plugin.read(secretToken, { id: `${path}/data/app/none`, inputs: {}, outputs: {} }), undefined);
    });

    itOfStandIn("refuses what is not covered or no JSON object, without showing a value", async () => {
      const failures = async (given: Properties): Promise<string> =>
        (await plugin.check(secretToken, { mount: path, name: "x", ...given })).failures.join("\n");
      assert.match(await failures({ dataJsonWo: canary, dataJson: "{}" }), /does not cover input 'dataJsonWo'/);
      assert.match(await failures({}), /one of `data_json,data_json_wo` must be specified/);
      assert.match(await failures({ dataJson: "{}", customMetadata: { maxVersion: 3 } }), /has no input 'maxVersion'/);
      for (const text of [canary, `["${canary}"]`, `{"a":"${canary}"`]) {
        assert.match(await failures({ dataJson: text }), /must be a JSON object \(value not shown\)/);
        assert.ok(!(await failures({ dataJson: text })).includes(canary));
      }
    });
  });

  describe("its configuration", () => {
    it("works with a child token, whose name and lifetime are set, unless told otherwise", async () => {
      const accessors = async (): Promise<string[]> =>
        ((await vault.call("GET", "auth/token/accessors?list=true")).body["data"] as { keys: string[] }).keys;
      const before = await accessors();
      const child = await start({ tokenName: "rotation", maxLeaseTtlSeconds: "600" });
      await up(child, secretToken, inputs("app/child", { a: 1 }));
      const [accessor, ...more] = (await accessors()).filter((each) => !before.includes(each));
      assert.deepEqual(more, []);
      const made = (await vault.call("POST", "auth/token/lookup-accessor", { accessor })).body["data"] as Properties;
      assert.deepEqual(
        [made["display_name"], made["creation_ttl"], made["explicit_max_ttl"], made["renewable"]],
        ["token-rotation", 600, 600, false],
      );
      const own = await start({ skipChildToken: "true" });
      await up(own, secretToken, inputs("app/own", { a: 1 }));
      assert.equal((await accessors()).length, before.length + 1);
    });

    it("takes address and token from the environment", async () => {
      const plugin = await startPlugin("vault", { VAULT_ADDR: vault.address, VAULT_TOKEN: vault.token });
      plugins.push(plugin);
      await plugin.configure({});
      await up(plugin, secretToken, inputs("app/env", { a: 1 }));
    });

    it("says clearly what is wrong", async () => {
      const attempt = async (config: Properties): Promise<unknown> =>
        up(await start(config), secretToken, inputs("app/x", { a: canary }));
      const closed = `http://127.0.0.1:${await unusedPort()}`;
      await assert.rejects(attempt({ address: closed }), /ECONNREFUSED|connection refused/);
      await assert.rejects(attempt({ token: "wrong-token" }), (error: Error) => {
        assert.match(error.message, /failed to lookup token[^]*Code: 403[^]*permission denied/);
        assert.ok(!error.message.includes("wrong-token"));
        return true;
      });
      await assert.rejects(attempt({ token: "" }), /no vault token set on Client/);
      await assert.rejects(attempt({ address: "" }), /failed to configure Vault address/);
      await assert.rejects(up(plugin, secretToken, { ...inputs("x", {}), mount: "nowhere" }), /nowhere/);
    });

    itOfFakeVault("says that Vault is sealed", async () => {
      await vault.call("PUT", "sys/seal");
      await assert.rejects(up(plugin, secretToken, inputs("x", {})), /Code: 503[^]*Vault is sealed/);
      await vault.call("PUT", "sys/unseal");
    });

    itOfStandIn("refuses settings that it does not know or cover", async () => {
      const { failures } = await plugin.checkConfig({ address: "http://x", skipTlsVerify: "true", adress: "http://y" });
      assert.match(failures.join("\n"), /does not cover the setting 'vault:skipTlsVerify'/);
      assert.match(failures.join("\n"), /no setting 'vault:adress'/);
      assert.deepEqual(
        (await plugin.checkConfig({ skipChildToken: "true", maxRetries: "2", version: "7.8.0" })).failures,
        [],
      );
    });
  });
});

/** A port on which nobody listens. */
async function unusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
