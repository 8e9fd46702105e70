// An application in parts by deploy/github/rotate-parts.yml on the real engine: each part is a job of its own, rotates its
// own secrets once, and a part that fails keeps no other from its rotation.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import yaml from "js-yaml";
import { backendFolder, fileStore } from "../../cli/backends/files.ts";
import type { Store } from "../../cli/backends/store.ts";
import { readInventory } from "../../cli/inventory.ts";
import { readState } from "../../cli/state-file.ts";
import { repository } from "../../sandbox/stack.ts";
import { readWorkflow, type JobRun, type Result } from "../support/actions.ts";
import { JobsWorld, results, shown } from "../support/jobs.ts";

const names = ["SECRET_0000", "SECRET_0001", "SECRET_0002"];
const parts = ["many-1", "many-2"];
/** The entries of bench/programs/many, in place of VisAPI's. */
const policy = ["data", "metadata"]
  .map((kind) => `path "secret/${kind}/many/*" { capabilities = ["create", "update", "patch", "read", "list"] }`)
  .join("\n");

describe("an application in parts, a job each", function () {
  this.timeout(600_000);
  let jobs: JobsWorld;
  let store: Store;

  before(async function () {
    this.timeout(1_800_000);
    const program = "./bench/programs/many/index.ts";
    jobs = await JobsWorld.start({ program, also: { policy, workflows: ["rotate-parts"] } });
    const { env } = jobs.world.sandbox;
    store = fileStore(backendFolder(env) ?? "");
    // The pattern: staging's settings, for another application.
    const file = join(jobs.checkout, "Pulumi.staging.yaml");
    const pattern = yaml.load(readFileSync(file, "utf8")) as { config: Record<string, unknown> };
    Object.assign(pattern.config, { "secret-rotation:applications": ["many"], "bench:secrets": names.length });
    writeFileSync(join(jobs.checkout, "Pulumi.many.yaml"), yaml.dump(pattern));
    const own = Object.entries(env).filter(([key]) => !/^PULUMI_(STACK|OPTION_)/.test(key));
    const made = spawnSync(process.execPath, ["bootstrap.mjs", "cli/main.ts", "parts", "many", "--of", "2"], {
      cwd: jobs.checkout,
      env: { HOME: process.env["HOME"], ...Object.fromEntries(own) },
      encoding: "utf8",
    });
    assert.equal(made.status, 0, made.stderr);
  });
  after(() => jobs?.stop());

  const run = (): Promise<Record<string, JobRun>> => {
    const workflow = readWorkflow(join(repository, "deploy/github/rotate-parts.yml"));
    // What the file says is for its user to do.
    workflow.env = { ...workflow.env, STACK: "many" };
    if (workflow.jobs["part"]) workflow.jobs["part"].environment = "staging";
    return jobs.run("rotate-parts.yml", { workflow });
  };
  const versions = async (): Promise<number[]> => {
    const all = await jobs.world.vaultVersions("many");
    return names.map((secret) => all[secret] ?? 0);
  };
  const held = async (stack: string): Promise<string[]> => {
    const read = await readState(store, "secret-rotation", stack);
    return read ? readInventory(read.state, new Date()).map(({ secret }) => secret) : [];
  };
  const ended = (one: Result, two: Result, report: Result = "success"): Record<string, Result> => ({
    ...{ list: "success", "part (many-1)": one, "part (many-2)": two },
    ...{ part: one === "failure" || two === "failure" ? "failure" : "success", report },
  });

  it("makes each secret once, in the job of its part", async () => {
    const before = jobs.vault.logins().length;
    const ran = await run();
    assert.deepEqual(results(ran), ended("success", "success"), shown(ran));
    assert.deepEqual(await versions(), [1, 1, 1]);
    const [one, two] = [await held("many-1"), await held("many-2")];
    assert.deepEqual([...one, ...two].sort(), names);
    assert.ok(one.length > 0 && two.length > 0, "both parts have secrets");
    for (const [at, own] of [one, two].entries())
      for (const secret of names)
        assert.equal(ran[`part (${parts[at]})`]?.summary.includes(`many/${secret}\``), own.includes(secret), secret);
    const logins = jobs.vault.logins().slice(before);
    assert.deepEqual(
      logins.map(({ role }) => role),
      ["rotation-staging", "rotation-staging"],
    );
    assert.deepEqual(await jobs.vault.alive(), []);
  });

  it("rotates in one part what is due while the other fails, and tells of that", async () => {
    jobs.world.now = jobs.world.later(31);
    const lock = ".pulumi/locks/organization/secret-rotation/many-1/a-person.json";
    await store.write(lock, JSON.stringify({ pid: 1, username: "ops", hostname: "laptop", timestamp: new Date() }));
    const ran = await run();
    assert.deepEqual(results(ran), ended("failure", "success"), shown(ran));
    assert.match(ran["part (many-1)"]?.log ?? "", /The lock of ops@laptop .* type: pulumi cancel --stack many-1/);
    const two = await held("many-2");
    assert.deepEqual(
      await versions(),
      names.map((secret) => (two.includes(secret) ? 2 : 1)),
    );
    assert.equal(jobs.pagerduty.open.length, 1);

    await store.remove(lock);
    const again = await run();
    assert.deepEqual(results(again), ended("success", "success"), shown(again));
    assert.deepEqual(await versions(), [2, 2, 2], "each once");
    assert.deepEqual(jobs.pagerduty.open, []);
    assert.deepEqual(await store.list(".pulumi/locks/organization/"), []);
    for (const part of parts)
      assert.deepEqual(await store.list(`.pulumi/secret-rotation/secret-rotation/${part}/`), []);
  });

  it("fails before any part is rotated when the file of one is missing", async () => {
    const file = join(jobs.checkout, "Pulumi.many-2.yaml");
    renameSync(file, `${file}.gone`);
    const ran = await run();
    renameSync(`${file}.gone`, file);
    assert.deepEqual(results(ran), { list: "failure", part: "skipped", report: "success" }, shown(ran));
    assert.match(ran["list"]?.outputs["failed"] ?? "", /many has 2 parts, and Pulumi\.many-2\.yaml is missing/);
  });
});
