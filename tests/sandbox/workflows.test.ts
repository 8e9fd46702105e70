// How the workflows are written: by actionlint, and by what it does not look at.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { ensureActionlint } from "../../sandbox/toolchain/actionlint.ts";
import { reporter } from "../../sandbox/toolchain/progress.ts";
import { repository } from "../../sandbox/toolchain/versions.ts";
import { readWorkflow, type Job } from "../support/actions.ts";

const folder = join(repository, ".github/workflows");
/** Not beside the others until somebody puts it there. */
const parts = join(repository, "deploy/github/rotate-parts.yml");
const files = readdirSync(folder).sort();
const jobs = files.flatMap((file) =>
  Object.entries(readWorkflow(join(folder, file)).jobs).map(([name, job]): [string, Job] => [`${file}: ${name}`, job]),
);

describe("workflows", () => {
  it("are the six that the documentation names", () => {
    assert.deepEqual(files, ["audit.yml", "ci.yml", "emergency.yml", "notice.yml", "preview.yml", "rotate.yml"]);
  });

  it("pass actionlint", async function () {
    this.timeout(300_000);
    const actionlint = await ensureActionlint(reporter());
    // Its checks of shell scripts need programs of their own, which are not on every machine.
    const ran = await execa(
      actionlint,
      ["-no-color", "-shellcheck=", "-pyflakes=", ...files.map((file) => join(folder, file)), parts],
      {
        reject: false,
      },
    );
    assert.equal(ran.exitCode, 0, ran.stdout + ran.stderr);
  });

  it("only wire: each step of their own is one script of the repository, and no input is pasted into it", () => {
    for (const [name, { steps }] of jobs)
      for (const { run } of steps.filter((step) => step.run !== undefined)) {
        assert.match(run ?? "", /^(node bootstrap\.mjs (ci|tests)\/[\w.-]+\.ts\b|\.ci\/run$|echo "[\w .]+"$)/, name);
        assert.doesNotMatch(run ?? "", /\$\{\{/, name);
      }
  });

  it("pin every action by its commit, end in time, and give no more rights than they name", () => {
    for (const [name, job] of jobs) {
      assert.ok(job["timeout-minutes"], `${name} has no time limit`);
      for (const { uses } of job.steps)
        if (uses !== undefined) assert.match(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, name);
    }
    for (const file of files)
      assert.deepEqual(readWorkflow(join(folder, file)).permissions, { contents: "read" }, file);
  });

  it("never cancel a rotation half-way, and run one at a time on each stack", () => {
    const rotating = jobs.filter(([, { steps }]) => steps.some(({ run }) => run?.includes("ci/rotate.ts")));
    assert.equal(rotating.length, 3);
    for (const [name, { concurrency }] of rotating) {
      assert.match(concurrency?.group ?? "", /^rotation-(staging|production|\$\{\{ inputs\.stack \}\})$/, name);
      assert.equal(concurrency?.["cancel-in-progress"], false, name);
    }
  });

  it("keep no credential at GitHub but the two by which a failure is told", () => {
    const named = files.flatMap((file) => [...readFileSync(join(folder, file), "utf8").matchAll(/secrets\.(\w+)/g)]);
    assert.deepEqual([...new Set(named.map(([, name]) => name))].sort(), [
      "PAGERDUTY_ROUTING_KEY",
      "SLACK_WEBHOOK_URL",
    ]);
  });
});
