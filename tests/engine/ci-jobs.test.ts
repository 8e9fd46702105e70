// A job of GitHub Actions whose machine is lost in the middle of a rotation: the next one, on another machine, goes on
// without a person as soon as GitHub says that the job's run has ended, and not before.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { readNote } from "../../ci/jobs.ts";
import { openStore, type Store } from "../../cli/backends/store.ts";
import { readInventory } from "../../cli/inventory.ts";
import { locksOf } from "../../cli/locks.ts";
import { readState, type StateFile } from "../../cli/state-file.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { repository } from "../../sandbox/stack.ts";
import { readWorkflow, type JobRun } from "../support/actions.ts";
import { JobsWorld, name, owner, results, shown, type Asked } from "../support/jobs.ts";

const [project, stack] = ["secret-rotation", "staging"];
const folders = {
  locks: `.pulumi/locks/organization/${project}/${stack}/`,
  jobs: `.pulumi/${project}/${project}/${stack}/jobs/`,
};
const there = "runner-that-is-lost";

describe("a job whose machine is lost", function () {
  this.timeout(600_000);
  let jobs: JobsWorld;
  let store: Store;
  let lost = 0;
  let original = { generation: 0, version: 0 };

  before(async function () {
    this.timeout(1_800_000);
    jobs = await JobsWorld.start();
    store = (await openStore(jobs.world.sandbox.env)) as Store;
  });
  after(() => jobs?.stop());

  /** The job of staging alone, of the workflow as it is. */
  const run = (asked: Asked = {}): Promise<Record<string, JobRun>> => {
    const workflow = readWorkflow(join(repository, ".github/workflows/rotate.yml"));
    for (const job of Object.keys(workflow.jobs)) if (job !== stack) delete workflow.jobs[job];
    return jobs.run("rotate.yml", { ...asked, workflow });
  };
  const refused = async (asked: Asked = {}): Promise<string> => {
    const begun = jobs.world.sandbox.simulators.effects.lines().length;
    const ran = await run(asked);
    assert.deepEqual(results(ran), { staging: "failure" }, shown(ran));
    const touched = jobs.world.sandbox.simulators.effects.lines().slice(begun);
    assert.ok(!touched.some((line) => /^(render|vercel) .*(put|create)/.test(line)), touched.join("\n"));
    return ran["staging"]?.outputs["failed"] ?? "";
  };
  const state = async (): Promise<StateFile["state"]> =>
    (await readState(store, project, stack))?.state as StateFile["state"];
  const secret = async (): Promise<typeof original> => ({
    generation: readInventory(await state(), new Date()).find((row) => row.secret === "JWT_SECRET")?.generation ?? 0,
    version: (await jobs.world.vaultVersions("visapi/staging"))["JWT_SECRET"] ?? 0,
  });
  const hosts = async (): Promise<string[]> => (await locksOf(store, project, stack)).map(({ host }) => host).sort();
  const rename = async (folder: string, key: (name: string) => string, from: string, to: string): Promise<void> => {
    const [only, ...more] = await store.list(folder);
    assert.ok(only && more.length === 0, `one file in ${folder}`);
    const text = (await store.read(only))?.toString("utf8") ?? "";
    assert.ok(text.includes(`"hostname":"${from}"`), text);
    await store.remove(only);
    await store.write(key(only), text.replace(`"hostname":"${from}"`, `"hostname":"${to}"`));
  };

  /** Kills every process of this world's jobs, as a machine that goes takes them with it. */
  function killAll(): number {
    const ours = `VAULT_ADDR=${jobs.world.sandbox.env["VAULT_ADDR"] ?? ""}`;
    const pids = readdirSync("/proc").flatMap((entry) => {
      try {
        return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/environ`, "utf8").split("\0").includes(ours)
          ? [Number(entry)]
          : [];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
    for (const pid of pids)
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
    return pids.length;
  }

  it("leaves its lock and its note, which name a machine that is no more", async () => {
    const first = await run();
    assert.deepEqual(results(first), { staging: "success" }, shown(first));
    assert.deepEqual([await store.list(folders.jobs), await hosts()], [[], []], "a job that ends leaves neither");
    original = await secret();
    assert.equal(original.generation, 1);

    jobs.world.now = jobs.world.later(31);
    let killed = 0;
    const stop = jobs.world.sandbox.simulators.effects.subscribe((effect) => {
      if (killed === 0 && effect.kind === "env-var.put") killed = killAll();
    });
    const cut = await run({ unended: true, onStart: (id) => (lost = id) });
    stop();
    assert.ok(killed > 3, `${killed} processes were killed`);
    assert.deepEqual(results(cut), { staging: "failure" });
    await waitFor(() => killAll() === 0, { what: "the job's processes to end", timeoutMs: 15_000 });
    assert.deepEqual(await hosts(), [hostname()]);
    assert.ok((await state()).pending.length > 0, "it was in the middle of a step");
    const [key = ""] = await store.list(folders.jobs);
    const note = readNote((await store.read(key))?.toString("utf8") ?? "");
    assert.deepEqual(
      [note?.repository, note?.runId, note?.attempt, note?.hostname],
      [`${owner}/${name}`, lost, 1, hostname()],
    );
    // As if all of this had happened on another machine.
    await rename(folders.locks, (same) => same, hostname(), there);
    await rename(folders.jobs, () => `${folders.jobs}${there}.json`, hostname(), there);
  });

  it("is waited for as long as GitHub says that its run is in progress", async () => {
    const said = await refused();
    assert.match(said, new RegExp(`The lock of \\S+@${there} \\(process \\d+, since \\S+\\) stays\\.`));
    assert.match(said, new RegExp(`https://github\\.test/${owner}/${name}/actions/runs/${lost}/attempts/1`));
    assert.match(said, /GitHub says that this run is in_progress\. Wait for it to end\./);
    assert.match(said, /type: pulumi cancel --stack staging/);
    assert.deepEqual([await hosts(), await store.list(folders.jobs)], [[there], [`${folders.jobs}${there}.json`]]);
  });

  it("is not mistaken for another job whose machine bears the same name", async () => {
    const { github } = jobs.world.sandbox.simulators;
    const other = github.startRun(owner, name);
    const key = `${folders.jobs}${hostname()}.json`;
    const note = { repository: `${owner}/${name}`, runId: other, attempt: 1, hostname: hostname(), at: new Date() };
    await store.write(key, JSON.stringify(note));
    const said = await refused();
    assert.match(said, new RegExp(`/runs/${other}/attempts/1 works at staging on a machine named ${hostname()}`));
    assert.match(said, /in_progress.*give each runner a host name of its own\. Nothing was changed\./);
    assert.equal(
      readNote((await store.read(key))?.toString("utf8") ?? "")?.runId,
      other,
      "its note is not overwritten",
    );
    github.endRun(owner, name, other, "success");
  });

  it("loses its lock once the run has ended, and nobody else does", async () => {
    jobs.world.sandbox.simulators.github.endRun(owner, name, lost, "cancelled");
    const [dead] = await locksOf(store, project, stack);
    assert.ok(dead);
    const text = (await store.read(dead.key))?.toString("utf8") ?? "";
    const laptop = `${folders.locks}laptop.json`;
    await store.write(laptop, text.replace(there, "laptop"));
    const said = await refused();
    assert.match(
      said,
      /@laptop \(.*\) stays\. That is another machine, of which no job of GitHub Actions has left a note/,
    );
    assert.deepEqual(await hosts(), ["laptop"]);
    // Its person has ended; and the lost job's is there again, for the run that goes on by itself.
    await store.remove(laptop);
    await store.write(dead.key, text);
    await store.write(
      `${folders.jobs}${there}.json`,
      JSON.stringify({ repository: `${owner}/${name}`, runId: lost, attempt: 1, hostname: there, at: dead.at }),
    );
  });

  it("is gone on from by the next job, by itself, one generation on", async () => {
    const next = await run();
    assert.deepEqual(results(next), { staging: "success" }, shown(next));
    const line = `The lock of a job whose run has ended (https://github.test/${owner}/${name}/actions/runs/${lost}/attempts/1) is taken away.`;
    assert.equal(shown(next).split(line).length, 2, shown(next));
    assert.deepEqual(await secret(), { generation: original.generation + 1, version: original.version + 1 });
    assert.deepEqual([await hosts(), await store.list(folders.jobs), (await state()).pending], [[], [], []]);
    const { env, simulators } = jobs.world.sandbox;
    assert.equal(
      simulators.render.envVar(env["RENDER_SERVICE_ID"] ?? "", "JWT_SECRET"),
      await jobs.world.vaultField("visapi/staging/JWT_SECRET", "value"),
    );
    const idle = await run({ now: jobs.world.later(0, 0.5) });
    assert.deepEqual(results(idle), { staging: "success" }, shown(idle));
    assert.deepEqual(
      await secret(),
      { generation: original.generation + 1, version: original.version + 1 },
      "not twice",
    );
  });
});
