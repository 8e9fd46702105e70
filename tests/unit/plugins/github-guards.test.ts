// The github plugin's resources that guard a repository: environments, rulesets, what workflows may do.
import assert from "node:assert/strict";
import { reveal, Secret, type Properties } from "../../../provider/wire/values.ts";
import { GithubSimulator } from "../../../sandbox/simulators/github.ts";
import { official, startPlugin, up, type Plugin } from "../../support/plugin.ts";

const environmentToken = "github:index/repositoryEnvironment:RepositoryEnvironment";
const policyToken = "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy";
const rulesetToken = "github:index/repositoryRuleset:RepositoryRuleset";
const permissionsToken = "github:index/workflowRepositoryPermissions:WorkflowRepositoryPermissions";

describe("the github plugin: what guards a repository", () => {
  const github = new GithubSimulator({ token: "full-token", repositories: [{ owner: "acme", name: "web" }] });
  let plugin: Plugin;
  const guards = () => github.guards("acme", "web");
  const environmentOf = (name: string) => guards().environments.find((each) => each.name === name);

  before(async () => {
    await github.start();
    plugin = await startPlugin("github", { GITHUB_TOKEN: "", GITHUB_OWNER: "", GITHUB_BASE_URL: "" });
    const token = new Secret("full-token");
    await plugin.configure({ baseUrl: github.url, owner: "acme", token, writeDelayMs: "1", retryDelayMs: "10" });
  });
  after(async () => {
    await plugin.stop();
    await github.stop();
  });

  describe("RepositoryEnvironment", () => {
    const given = (environment: string, more: Properties = {}): Properties => ({
      repository: "web",
      environment,
      reviewers: [{ teams: [7, 3], users: [9] }],
      preventSelfReview: true,
      canAdminsBypass: false,
      deploymentBranchPolicy: { protectedBranches: false, customBranchPolicies: true },
      ...more,
    });

    it("sets reviewers, self-review and the branch policy, and finds no difference afterwards", async () => {
      const state = await up(plugin, environmentToken, given("eu:production"));
      assert.equal(state.id, "web:eu??production");
      assert.deepEqual(environmentOf("eu:production")?.protection, {
        waitTimer: 0,
        preventSelfReview: true,
        reviewers: [
          { type: "Team", id: 7 },
          { type: "Team", id: 3 },
          { type: "User", id: 9 },
        ],
        branchPolicy: { protected_branches: false, custom_branch_policies: true },
        canAdminsBypass: false,
      });
      const found = await plugin.read(environmentToken, state);
      assert.ok(found);
      assert.equal((await plugin.diff(environmentToken, found, state.inputs)).changes, false);
      // Teams are a set.
      const turned = { ...state.inputs, reviewers: [{ teams: [3, 7], users: [9] }] };
      assert.equal((await plugin.diff(environmentToken, found, turned)).changes, false);
    });

    it("notices what somebody else has changed, and puts it back in place", async () => {
      const state = await up(plugin, environmentToken, given("drift"));
      github.tamper("acme", "web", ({ environments }) => {
        const protection = environments.find(({ name }) => name === "drift")?.protection;
        if (protection) Object.assign(protection, { preventSelfReview: false, canAdminsBypass: true });
      });
      const found = await plugin.read(environmentToken, state);
      assert.ok(found);
      const diff = await plugin.diff(environmentToken, found, state.inputs);
      assert.deepEqual([diff.diffs.sort(), diff.replaces], [["canAdminsBypass", "preventSelfReview"], []]);
      await plugin.update(environmentToken, found, state.inputs);
      assert.equal(environmentOf("drift")?.protection?.preventSelfReview, true);
    });

    it("has GitHub's defaults, refuses more than six reviewers, and replaces for another name", async () => {
      const { inputs } = await plugin.check(environmentToken, { repository: "web", environment: "a" });
      assert.deepEqual([inputs["canAdminsBypass"], inputs["preventSelfReview"]], [true, false]);
      const many = await plugin.check(
        environmentToken,
        given("a", { reviewers: [{ teams: [1, 2, 3, 4], users: [5, 6, 7] }] }),
      );
      assert.match(many.failures[0] ?? "", /a maximum of 6 reviewers/);
      const long = await plugin.check(environmentToken, given("a", { waitTimer: 43201 }));
      assert.match(long.failures[0] ?? "", /in the range \(0 - 43200\), got 43201/);
      const state = await up(plugin, environmentToken, given("named"));
      assert.deepEqual((await plugin.diff(environmentToken, state, given("renamed"))).replaces, ["environment"]);
    });

    it("is gone when somebody deleted it, and deletes what is there", async () => {
      const state = await up(plugin, environmentToken, given("short-lived"));
      await plugin.delete(environmentToken, state);
      assert.equal(environmentOf("short-lived"), undefined);
      assert.equal(await plugin.read(environmentToken, state), undefined);
    });
  });

  describe("RepositoryEnvironmentDeploymentPolicy", () => {
    const given: Properties = { repository: "web", environment: "pinned", branchPattern: "main" };

    it("needs an environment that asks for patterns, keeps the pattern's number, and changes it in place", async () => {
      await up(plugin, environmentToken, { repository: "web", environment: "open" });
      await assert.rejects(up(plugin, policyToken, { ...given, environment: "open" }), /404 Not Found/);
      const deploymentBranchPolicy = { protectedBranches: false, customBranchPolicies: true };
      await up(plugin, environmentToken, { repository: "web", environment: "pinned", deploymentBranchPolicy });
      const state = await up(plugin, policyToken, given);
      const [policy] = environmentOf("pinned")?.branchPolicies ?? [];
      assert.deepEqual([policy?.name, policy?.type, state.id], ["main", "branch", `web:pinned:${policy?.id}`]);
      const changed = { ...given, branchPattern: "release" };
      assert.deepEqual((await plugin.diff(policyToken, state, changed)).replaces, []);
      await plugin.update(policyToken, state, changed);
      assert.equal(environmentOf("pinned")?.branchPolicies[0]?.name, "release");
      const found = await plugin.read(policyToken, state);
      assert.equal(found?.outputs["branchPattern"], "release");
      const tagged = { repository: "web", environment: "pinned", tagPattern: "v*" };
      assert.deepEqual((await plugin.diff(policyToken, state, tagged)).replaces.sort(), [
        "branchPattern",
        "tagPattern",
      ]);
      await plugin.delete(policyToken, state);
      assert.equal(await plugin.read(policyToken, state), undefined);
    });

    it("takes a branch or a tag, not both and not neither", async () => {
      for (const wrong of [
        { ...given, tagPattern: "v*" },
        { repository: "web", environment: "pinned" },
      ])
        assert.match((await plugin.check(policyToken, wrong)).failures[0] ?? "", /branch_pattern,tag_pattern/);
    });
  });

  describe("RepositoryRuleset", () => {
    const given = (more: Properties = {}): Properties => ({
      name: "main",
      repository: "web",
      target: "branch",
      enforcement: "active",
      conditions: { refName: { includes: ["refs/heads/main"], excludes: [] } },
      rules: {
        deletion: true,
        nonFastForward: true,
        pullRequest: { requiredApprovingReviewCount: 1, requireLastPushApproval: true },
        requiredStatusChecks: { requiredChecks: [{ context: "test", integrationId: 15368 }, { context: "lint" }] },
      },
      ...more,
    });

    it("writes the rules as the API has them, and finds no difference afterwards", async () => {
      const state = await up(plugin, rulesetToken, given());
      const [ruleset] = guards().rulesets;
      assert.equal(state.id, String(ruleset?.id));
      assert.deepEqual(ruleset?.["conditions"], { ref_name: { include: ["refs/heads/main"], exclude: [] } });
      const rules = ruleset?.["rules"] as { type: string; parameters?: Record<string, unknown> }[];
      assert.deepEqual(
        rules.map(({ type }) => type),
        ["deletion", "non_fast_forward", "pull_request", "required_status_checks"],
      );
      assert.equal(rules[2]?.parameters?.["require_last_push_approval"], true);
      assert.deepEqual(rules[3]?.parameters?.["required_status_checks"], [
        { context: "lint" },
        { context: "test", integration_id: 15368 },
      ]);
      const found = await plugin.read(rulesetToken, state);
      assert.ok(found);
      assert.equal((await plugin.diff(rulesetToken, found, state.inputs)).changes, false);

      github.tamper("acme", "web", ({ rulesets }) => Object.assign(rulesets?.[0] ?? {}, { enforcement: "disabled" }));
      const drifted = await plugin.read(rulesetToken, state);
      assert.ok(drifted);
      assert.deepEqual((await plugin.diff(rulesetToken, drifted, state.inputs)).diffs, ["enforcement"]);
      await plugin.update(rulesetToken, drifted, state.inputs);
      assert.equal(guards().rulesets[0]?.["enforcement"], "active");
      await plugin.delete(rulesetToken, state);
      assert.equal(await plugin.read(rulesetToken, state), undefined);
    });

    it("refuses what GitHub does not know", async () => {
      const refused = async (more: Properties, message: RegExp) =>
        assert.match((await plugin.check(rulesetToken, given(more))).failures[0] ?? "", message);
      await refused({ enforcement: "on" }, /enforcement to be one of/);
      await refused({ target: "commit" }, /target to be one of/);
      await refused(
        { rules: { pullRequest: { requiredApprovingReviewCount: 11 } } },
        /in the range \(0 - 10\), got 11/,
      );
      if (!official) await refused({ rules: { mergeQueue: {} } }, /does not cover the rule 'mergeQueue'/);
    });
  });

  describe("WorkflowRepositoryPermissions", () => {
    it("sets them, notices a change, and leaves GitHub's defaults behind", async () => {
      const given = { repository: "web", defaultWorkflowPermissions: "write", canApprovePullRequestReviews: true };
      const state = await up(plugin, permissionsToken, given);
      assert.equal(state.id, "web");
      const written = { default_workflow_permissions: "write", can_approve_pull_request_reviews: true };
      assert.deepEqual(guards().workflowPermissions, written);
      github.tamper("acme", "web", (repository) => {
        repository.workflowPermissions = { ...written, default_workflow_permissions: "read" };
      });
      const found = await plugin.read(permissionsToken, state);
      assert.ok(found);
      assert.deepEqual((await plugin.diff(permissionsToken, found, state.inputs)).diffs, [
        "defaultWorkflowPermissions",
      ]);
      await plugin.delete(permissionsToken, state);
      assert.equal(guards().workflowPermissions?.can_approve_pull_request_reviews, false);
      const wrong = await plugin.check(permissionsToken, { repository: "web", defaultWorkflowPermissions: "none" });
      assert.match(wrong.failures[0] ?? "", /one of \["read" "write"\], got none/);
      assert.equal(reveal(found.outputs["repository"]), "web");
    });
  });
});
