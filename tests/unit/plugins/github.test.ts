import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { reveal, Secret, unknown, Unknown, type Properties } from "../../../provider/wire/values.ts";
import { GithubSimulator } from "../../../sandbox/simulators/github.ts";
import { newBoxKeys, sealBox } from "../../../sandbox/simulators/sealed-box.ts";
import { itOfStandIn, official, startPlugin, up, type Plugin } from "../../support/plugin.ts";

const secretToken = "github:index/actionsSecret:ActionsSecret";
const environmentToken = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret";
const canary = "canary-51be-value";
const quick = { writeDelayMs: "1", retryDelayMs: "10" };

describe("the github plugin", () => {
  const github = new GithubSimulator({
    token: "full-token",
    readOnlyToken: "reading-token",
    repositories: [
      { owner: "acme", name: "web", environments: ["production", "eu:west"] },
      { owner: "acme", name: "api" },
    ],
  });
  const plugins: Plugin[] = [];
  let plugin: Plugin;

  const start = async (config: Properties = {}, env: Record<string, string> = {}): Promise<Plugin> => {
    const empty = { GITHUB_TOKEN: "", GITHUB_OWNER: "", GITHUB_BASE_URL: "", GITHUB_ORGANIZATION: "" };
    const started = await startPlugin("github", { ...empty, ...env });
    plugins.push(started);
    await started.configure({
      baseUrl: github.url,
      owner: "acme",
      token: new Secret("full-token"),
      ...quick,
      ...config,
    });
    return started;
  };
  const given = (secretName: string, value: string, more: Properties = {}): Properties => ({
    repository: "web",
    secretName,
    value: new Secret(value),
    ...more,
  });
  const writes = (): string[] =>
    github.journal.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);

  before(async () => {
    await github.start();
    plugin = await start();
  });
  beforeEach(() => github.clearJournal());
  after(async () => {
    await Promise.all(plugins.map((each) => each.stop()));
    await github.stop();
  });

  describe("github.ActionsSecret", () => {
    it("seals the value for the repository and keeps it secret", async () => {
      const state = await up(plugin, secretToken, given("FIRST", canary));
      assert.equal(state.id, "web:FIRST");
      assert.equal(github.secretValue("acme", "web", "FIRST"), canary);
      assert.ok(state.outputs["value"] instanceof Secret);
      assert.equal(typeof state.outputs["repositoryId"], "number");
      assert.equal(typeof state.outputs["keyId"], "string");
      assert.match(state.outputs["createdAt"] as string, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/);
      assert.equal(state.outputs["updatedAt"], state.outputs["remoteUpdatedAt"]);
      assert.equal((await plugin.diff(secretToken, state, state.inputs)).changes, false);
    });

    it("asks for the repository and its key, writes, and reads the timestamps", async () => {
      await up(plugin, secretToken, given("ORDER", canary));
      assert.deepEqual(
        github.journal.map(({ method, path }) => `${method} ${path}`),
        [
          "GET /repos/acme/web",
          "GET /repos/acme/web/actions/secrets/public-key",
          "PUT /repos/acme/web/actions/secrets/ORDER",
          "GET /repos/acme/web/actions/secrets/ORDER",
        ],
      );
    });

    it("updates a value in place, replaces by name, and follows a repository by its number", async () => {
      const state = await up(plugin, secretToken, given("CHANGE", "old-value"));
      const diff = await plugin.diff(secretToken, state, given("CHANGE", canary));
      assert.deepEqual([diff.diffs, diff.replaces], [["value"], []]);
      const updated = await plugin.update(secretToken, state, given("CHANGE", canary));
      assert.equal(github.secretValue("acme", "web", "CHANGE"), canary);
      assert.equal(reveal(updated.outputs["value"]), canary);
      assert.deepEqual((await plugin.diff(secretToken, state, given("OTHER", "old-value"))).replaces, ["secretName"]);
      const moved = await plugin.diff(secretToken, state, { ...state.inputs, repository: "api" });
      assert.deepEqual(moved.replaces, ["repository"]);
      const missing = await plugin.diff(secretToken, state, { ...state.inputs, repository: "not-there" });
      assert.deepEqual([missing.diffs, missing.replaces], [["repository"], []]);
    });

    it("moves from the deprecated input to the new one without a replacement", async () => {
      const old = await up(plugin, secretToken, { repository: "web", secretName: "OLD", plaintextValue: canary });
      assert.ok(old.outputs["plaintextValue"] instanceof Secret);
      const diff = await plugin.diff(secretToken, old, given("OLD", canary));
      assert.deepEqual([diff.diffs.sort(), diff.replaces], [["plaintextValue", "value"], []]);
    });

    it("passes on what was sealed by the caller", async () => {
      const headers = { authorization: "Bearer full-token" };
      const answer = await fetch(`${github.url}/repos/acme/web/actions/secrets/public-key`, { headers });
      const { key, key_id: keyId } = (await answer.json()) as { key: string; key_id: string };
      const sealed = { repository: "web", secretName: "SEALED", valueEncrypted: sealBox(canary, key), keyId };
      await up(plugin, secretToken, sealed);
      assert.equal(github.secretValue("acme", "web", "SEALED"), canary);
      const foreign = { ...sealed, valueEncrypted: sealBox(canary, newBoxKeys().publicKey) };
      await assert.rejects(up(plugin, secretToken, foreign), /: 422 .*improperly encrypted/);
    });

    it("sees in a refresh that someone else wrote, and writes again", async () => {
      const state = await up(plugin, secretToken, given("DRIFT", canary));
      await sleep(1100); // GitHub's timestamps have whole seconds: an earlier write would not be told apart.
      await up(plugin, secretToken, given("DRIFT", "theirs"));
      assert.equal((await plugin.diff(secretToken, state, state.inputs)).changes, false, "not without a refresh");
      const read = await plugin.read(secretToken, state);
      assert.ok(read);
      assert.notEqual(read.outputs["remoteUpdatedAt"], read.outputs["updatedAt"]);
      const diff = await plugin.diff(secretToken, read, state.inputs);
      assert.deepEqual([diff.diffs, diff.replaces], [["updatedAt"], []]);
      assert.equal((await plugin.diff(secretToken, read, state.inputs, ["remoteUpdatedAt"])).changes, false);
      const again = await plugin.update(secretToken, read, state.inputs);
      assert.equal(github.secretValue("acme", "web", "DRIFT"), canary);
      assert.equal((await plugin.diff(secretToken, again, state.inputs)).changes, false);
    });

    it("deletes, and notices that the secret is gone", async () => {
      const state = await up(plugin, secretToken, given("GONE", canary));
      await plugin.delete(secretToken, state);
      assert.equal(github.secretValue("acme", "web", "GONE"), undefined);
      assert.equal(await plugin.read(secretToken, state), undefined);
      await assert.rejects(plugin.delete(secretToken, state), /DELETE .*GONE: 404 Not Found/);
    });

    it("previews without a request and imports by id", async () => {
      const { outputs } = await plugin.create(
        secretToken,
        { repository: "web", secretName: "P", value: unknown },
        true,
      );
      assert.ok(outputs["updatedAt"] instanceof Unknown);
      assert.deepEqual(github.journal, []);
      await up(plugin, secretToken, given("IMPORTED", canary));
      const imported = await plugin.read(secretToken, { id: "web:IMPORTED", inputs: {}, outputs: {} });
      assert.equal(imported?.outputs["secretName"], "IMPORTED");
      assert.equal(imported.outputs["updatedAt"], imported.outputs["remoteUpdatedAt"]);
      await assert.rejects(plugin.read(secretToken, { id: "web", inputs: {}, outputs: {} }), /unexpected ID format/);
    });

    it("refuses what the official plugin refuses, without showing a value", async () => {
      const failures = async (more: Properties): Promise<string> => {
        const { failures } = await plugin.check(secretToken, { repository: "web", secretName: "X", ...more });
        assert.ok(!failures.join().includes(canary));
        return failures.join("\n");
      };
      assert.match(
        await failures({}),
        /one of `encrypted_value,plaintext_value,value,value_encrypted` must be specified/,
      );
      assert.match(await failures({ value: canary, plaintextValue: canary }), /only one of/);
      assert.match(await failures({ value: canary, keyId: "1" }), /"key_id": conflicts with value/);
      assert.match(
        await failures({ encryptedValue: "YQ==", keyId: "1" }),
        /all of `key_id,value_encrypted` must be specified/,
      );
      assert.match(await failures({ valueEncrypted: canary, keyId: "1" }), /base64/);
      assert.match(await failures({ secretName: "1X", value: canary }), /must not start with a number/);
      assert.match(await failures({ secretName: "github_X", value: canary }), /GITHUB_ prefix/);
      if (!official) assert.match(await failures({ value: canary, valeu: "x" }), /has no input 'valeu'/);
      assert.equal(await failures({ value: unknown }), "");
    });
  });

  describe("github.ActionsEnvironmentSecret", () => {
    it("writes to the environment by the repository's number; its id escapes colons", async () => {
      const state = await up(plugin, environmentToken, given("ENV", canary, { environment: "eu:west" }));
      assert.equal(state.id, "web:eu??west:ENV");
      assert.equal(github.secretValue("acme", "web", "ENV", "eu:west"), canary);
      assert.equal(github.secretValue("acme", "web", "ENV"), undefined);
      assert.match(writes()[0] ?? "", /^PUT \/repositories\/\d+\/environments\/eu(:|%3A)west\/secrets\/ENV$/);
      const imported = await plugin.read(environmentToken, { id: state.id, inputs: {}, outputs: {} });
      assert.equal(imported?.outputs["environment"], "eu:west");
      await plugin.delete(environmentToken, state);
      assert.equal(await plugin.read(environmentToken, state), undefined);
    });

    it("replaces by environment and name, updates a value in place", async () => {
      const inputs = given("ENV2", "old-value", { environment: "production" });
      const state = await up(plugin, environmentToken, inputs);
      assert.deepEqual((await plugin.diff(environmentToken, state, { ...inputs, environment: "eu:west" })).replaces, [
        "environment",
      ]);
      const updated = await plugin.update(environmentToken, state, { ...inputs, value: canary });
      assert.equal(github.secretValue("acme", "web", "ENV2", "production"), canary);
      assert.equal((await plugin.diff(environmentToken, updated, { ...inputs, value: canary })).changes, false);
      const { failures } = await plugin.check(environmentToken, given("X", canary));
      assert.match(failures.join(), /environment/);
    });
  });

  describe("its client", () => {
    it("tries 5xx again and gives up in the end", async () => {
      const match = { method: "PUT" };
      github.faults.add({ kind: "status", status: 502, times: 2, match });
      await up(plugin, secretToken, given("RETRY", canary));
      assert.equal(github.secretValue("acme", "web", "RETRY"), canary);
      github.faults.add({ kind: "status", status: 500, times: 9, match });
      const impatient = await start({ maxRetries: "1" });
      await assert.rejects(up(impatient, secretToken, given("RETRY2", canary)), /: 500 /);
      github.faults.clear();
      assert.equal(writes().filter((write) => write.endsWith("RETRY2")).length, 2);
    });

    it("writes again after a lost reply", async () => {
      github.faults.add({ kind: "lost-reply", match: { method: "PUT" } });
      await up(plugin, secretToken, given("LOST", canary));
      assert.equal(github.secretValue("acme", "web", "LOST"), canary);
    });

    it("waits for primary and secondary limits", async () => {
      for (const limit of ["core", "points"]) {
        github.faults.add({ kind: "rate-limited", resetSeconds: 1, class: limit, match: { method: "PUT" } });
        const began = Date.now();
        await up(plugin, secretToken, given(`LIMIT_${limit}`, canary));
        assert.ok(Date.now() - began > 500, `${limit} was waited for`);
        assert.equal(github.secretValue("acme", "web", `LIMIT_${limit}`), canary);
      }
    });

    it("pauses after each write, one request at a time", async () => {
      const slow = await start({ writeDelayMs: "300" });
      const began = Date.now();
      await Promise.all(["ONE", "TWO", "THREE"].map((name) => up(slow, secretToken, given(name, canary))));
      assert.ok(Date.now() - began >= 900, "three writes, three pauses before what follows them");
    });

    it("passes GitHub's refusals on without the token or the value", async () => {
      const attempt = async (config: Properties, name = "X"): Promise<unknown> =>
        up(await start(config), secretToken, given(name, canary));
      const clean =
        (form: RegExp) =>
        (error: Error): boolean => {
          assert.match(error.message, form);
          assert.ok(!/canary|-token/.test(error.message));
          return true;
        };
      await assert.rejects(attempt({ token: "wrong-token" }), clean(/: 401 Bad credentials/));
      await assert.rejects(attempt({ token: "reading-token" }), clean(/PUT .*: 403 Resource not accessible/));
      await assert.rejects(attempt({ owner: "nobody" }), clean(/GET .*\/repos\/nobody\/web: 404 Not Found/));
      await assert.rejects(attempt({ baseUrl: "http://localhost:1", maxRetries: "0" }), /Is GitHub's API reachable/);
    });

    it("finds the owner by the token, and lets GITHUB_OWNER win over the setting", async () => {
      await up(await start({ owner: "" }), secretToken, given("BY_TOKEN", canary));
      assert.ok(github.journal.some(({ path }) => path === "/user"));
      await up(await start({ owner: "nobody" }, { GITHUB_OWNER: "acme" }), secretToken, given("BY_ENV", canary));
    });

    itOfStandIn("refuses settings that it does not know or cover, and bases that cannot be", async () => {
      const failures = async (config: Properties): Promise<string> =>
        (await plugin.checkConfig(config)).failures.join("\n");
      assert.match(await failures({ appAuth: "{}" }), /does not cover the setting 'github:appAuth'/);
      assert.match(await failures({ writeDelay: "1" }), /no setting 'github:writeDelay'/);
      assert.match(await failures({ writeDelayMs: "soon" }), /must be a number/);
      assert.match(await failures({ baseUrl: "http://api.github.com/" }), /must use the https scheme/);
      assert.match(await failures({ baseUrl: "nonsense" }), /must be absolute/);
      assert.equal(await failures({ baseUrl: "https://api.github.com/", owner: "acme", parallelRequests: "true" }), "");
    });
  });
});
