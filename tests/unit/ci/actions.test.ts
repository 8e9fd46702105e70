// The stand-in for GitHub's scheduler: a matrix, and what steps say to each other.
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { outputsIn, runWorkflow, type Job, type JobRun, type Workflow } from "../../support/actions.ts";

const steps = (run: string): Job["steps"] => [{ id: "one", run }];

describe("a workflow run on this machine", () => {
  const run = (jobs: Record<string, Job>): Promise<Record<string, JobRun>> => {
    const workflow: Workflow = { name: "test", on: {}, jobs };
    return runWorkflow(workflow, {
      cwd: tmpdir(),
      env: () => ({ PATH: process.env["PATH"] ?? "" }),
      vars: () => ({}),
      token: "",
    });
  };
  const matrix = (list: string, each: string): Record<string, Job> => ({
    list: { outputs: { all: "${{ steps.one.outputs.all }}" }, steps: steps(`echo 'all=${list}' >> "$GITHUB_OUTPUT"`) },
    part: {
      needs: "list",
      environment: "${{ matrix.name }}",
      env: { NAME: "${{ matrix.name }}" },
      strategy: { "fail-fast": false, "max-parallel": 2, matrix: { name: "${{ fromJSON(needs.list.outputs.all) }}" } },
      outputs: { said: "${{ steps.one.outputs.said }}" },
      steps: steps(each),
    },
    after: { needs: "part", steps: steps("echo after") },
    always: {
      needs: "part",
      if: "${{ always() }}",
      env: { RESULT: "${{ needs.part.result }}" },
      steps: steps('echo "$RESULT"'),
    },
  });

  it("has a job for each combination of a matrix", async () => {
    const jobs = await run(matrix('["a","b","c"]', 'echo "I am $NAME"; echo "said=$NAME" >> "$GITHUB_OUTPUT"'));
    assert.deepEqual(
      Object.entries(jobs)
        .flatMap(([name, { log }]) => (name.startsWith("part (") ? [`${name}: ${log.trim()}`] : []))
        .sort(),
      ["part (a): I am a", "part (b): I am b", "part (c): I am c"],
    );
    assert.deepEqual([jobs["part"]?.result, jobs["after"]?.result], ["success", "success"]);
    assert.equal(jobs["part (b)"]?.outputs["said"], "b");
  });
  it("keeps the others of a matrix when one fails, and what needs all of them waits in vain", async () => {
    const jobs = await run(matrix('["a","b"]', 'test "$NAME" = b'));
    const [a, b] = [jobs["part (a)"]?.result, jobs["part (b)"]?.result];
    assert.deepEqual([a, b, jobs["part"]?.result, jobs["after"]?.result], ["failure", "success", "failure", "skipped"]);
    assert.match(jobs["always"]?.log ?? "", /failure/);
  });
  it("fails over a matrix of nothing, as GitHub does, and skips one whose list was not made", async () => {
    await assert.rejects(run(matrix("[]", "true")), /Matrix vector 'name' does not contain any values/);
    const jobs = matrix("[]", "true");
    (jobs["list"] as Job).steps = steps("false");
    assert.equal((await run(jobs))["part"]?.result, "skipped");
  });
  it("reads both ways in which a step says something", () => {
    assert.deepEqual(outputsIn("a=1\nb<<end-1\ntwo\nlines=3\nend-1\nc-d=x=y\nempty<<e\n\ne\nlast=\n"), {
      ...{ a: "1", b: "two\nlines=3", "c-d": "x=y" },
      ...{ empty: "", last: "" },
    });
  });
});
