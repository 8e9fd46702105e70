// One `up` sets what guards the repository, a second finds nothing to do, and what somebody changed is put back.
import assert from "node:assert/strict";
import { join } from "node:path";
import { environments, requiredChecks } from "../../repository/guards.ts";
import { GithubSimulator } from "../../sandbox/simulators/github.ts";
import { accountOf } from "../../sandbox/simulators/github-state.ts";
import { Policed } from "../support/policed.ts";

const [owner, name] = ["visanet", "rotation"];
const team = (slug: string) => accountOf(slug, "Organization")["id"];

describe("the repository's guards", function () {
  this.timeout(300_000);
  let project: Policed;
  const github = new GithubSimulator({ token: "admin-token", repositories: [{ owner, name }], limitScale: 1000 });
  const guards = () => github.guards(owner, name);
  const protectionOf = (environment: string) => guards().environments.find((each) => each.name === environment);

  before(async function () {
    this.timeout(1_800_000);
    await github.start();
    project = await Policed.of(join(import.meta.dirname, "..", "..", "repository"));
    project.env = {
      ...project.env,
      GITHUB_BASE_URL: `${github.url}/`,
      GITHUB_TOKEN: "admin-token",
      GITHUB_OWNER: owner,
    };
    // A second between writes is for github.com's sake.
    const settings = { "github:writeDelayMs": "1", "rotation-repository:repository": name };
    for (const [key, value] of Object.entries(settings)) {
      const { code, output } = await project.pulumi("config", "set", key, value);
      assert.equal(code, 0, output);
    }
  });
  after(async () => {
    await project?.stop();
    await github.stop();
  });

  it("are set by one up, and a second finds no difference", async () => {
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview");
    assert.equal(code, 0, output);
    for (const [environment, { reviewers, anyBranch }] of Object.entries(environments)) {
      const { protection, branchPolicies } = protectionOf(environment) ?? {};
      assert.deepEqual(
        protection?.reviewers,
        reviewers.map((slug) => ({ type: "Team", id: team(slug) })),
        environment,
      );
      assert.equal(protection?.preventSelfReview, reviewers.length > 0, environment);
      assert.equal(protection?.canAdminsBypass, reviewers.length === 0, environment);
      assert.deepEqual(
        branchPolicies?.map((policy) => policy.name),
        anyBranch ? [] : ["main"],
        environment,
      );
    }
    const [ruleset] = guards().rulesets;
    assert.equal(ruleset?.["enforcement"], "active");
    const text = JSON.stringify(ruleset);
    for (const check of requiredChecks) assert.match(text, new RegExp(`"context":"${check}","integration_id":15368`));
    assert.match(text, /"required_approving_review_count":1/);
    assert.equal(guards().workflowPermissions?.default_workflow_permissions, "read");

    const again = await project.pulumi("preview", "--refresh", "--expect-no-changes");
    assert.equal(again.code, 0, again.output);
  });

  it("come back after somebody has changed or deleted them", async () => {
    github.tamper(owner, name, (repository) => {
      const changed = (environment: string) => repository.environments.find((each) => each.name === environment);
      Object.assign(changed("production-operations")?.protection ?? {}, { canAdminsBypass: true });
      Object.assign(changed("production-security")?.protection ?? {}, { reviewers: [{ type: "User", id: 1 }] });
      Object.assign(changed("production") ?? {}, { branchPolicies: [] });
      repository.environments = repository.environments.filter((each) => each.name !== "staging");
      repository.rulesets = [];
      repository.workflowPermissions = {
        default_workflow_permissions: "write",
        can_approve_pull_request_reviews: true,
      };
    });
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview", "--refresh");
    assert.equal(code, 0, output);
    assert.equal(protectionOf("production-operations")?.protection?.canAdminsBypass, false);
    assert.deepEqual(protectionOf("production-security")?.protection?.reviewers, [
      { type: "Team", id: team("security") },
    ]);
    for (const environment of ["production", "staging"])
      assert.deepEqual(
        protectionOf(environment)?.branchPolicies.map((policy) => policy.name),
        ["main"],
      );
    assert.equal(guards().rulesets[0]?.["enforcement"], "active");
    assert.equal(guards().workflowPermissions?.default_workflow_permissions, "read");
  });

  it("refuse one team for both approvals, and a team that is not there, before anything is written", async () => {
    const settings = [
      [
        "security",
        "operations",
        /operations and security are both the team "operations".*name two teams: pulumi config set/,
      ],
      ["security", "nobody", /orgs\/visanet\/teams\/nobody: 404 Not Found/],
    ] as const;
    for (const [key, value, message] of settings) {
      await project.pulumi("config", "set", `rotation-repository:${key}`, value);
      const { code, output } = await project.pulumi("preview");
      assert.notEqual(code, 0, output);
      assert.match(output, message);
    }
  });
});
