// The repository's guards and its workflows name the same things.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { needed } from "../../../ci/approvals.ts";
import { environments, requiredChecks } from "../../../repository/guards.ts";
import { readWorkflow } from "../../support/actions.ts";

const folder = join(import.meta.dirname, "..", "..", "..", ".github", "workflows");
const workflows = readdirSync(folder).map((file) => readWorkflow(join(folder, file)));

describe("the repository's guards", () => {
  it("protect every environment that a workflow uses, and no other", () => {
    const used = workflows.flatMap(({ jobs }) => Object.values(jobs).flatMap(({ environment }) => environment ?? []));
    // The workflow's choice of a stack: production or staging.
    const named = used.flatMap((each) => (each.includes("inputs.stack") ? ["production", "staging"] : each));
    assert.deepEqual([...new Set(named)].sort(), Object.keys(environments).sort());
  });

  it("ask for reviewers wherever an approval is judged, by both teams in an emergency", () => {
    const reviewed = Object.keys(environments).filter((name) => environments[name]?.reviewers.length);
    assert.deepEqual(reviewed.sort(), Object.values(needed).flat().sort());
    assert.deepEqual(environments["production-emergency"]?.reviewers, ["operations", "security"]);
  });

  it("require checks that are jobs of pull requests", () => {
    const jobs = workflows.filter(({ on }) => "pull_request" in on).flatMap((workflow) => Object.keys(workflow.jobs));
    for (const check of requiredChecks) assert.ok(jobs.includes(check), `${check} is no job of a pull request`);
  });
});
