// `github.RepositoryEnvironment` and `github.RepositoryEnvironmentDeploymentPolicy` as terraform-provider-github 6.13
// has them (`github/resource_github_repository_environment.go`, `..._environment_deployment_policy.go`).
import type { Properties, Resource, Value } from "../../../provider/wire/contract.ts";
import { same } from "../../../provider/wire/values.ts";
import { bridged, differs, failure, unknowns } from "../shared/bridge.ts";
import type { GithubClient } from "./client.ts";
import { anotherRepository, gone, joinId, repositoryId, repositoryPath, splitId } from "./repository.ts";

const meta = { __meta: JSON.stringify({ schema_version: "1" }) };
const text = { kind: "string" } as const;
type Group = Record<string, Value>;

async function pathOf(client: GithubClient, { repository, environment }: Properties): Promise<string> {
  return `${await repositoryPath(client, repository)}/environments/${encodeURIComponent(environment as string)}`;
}

export function repositoryEnvironment(client: GithubClient): Resource {
  const write = async (inputs: Properties): Promise<void> =>
    void (await client.call("PUT", await pathOf(client, inputs), requestOf(inputs)));
  return bridged({
    token: "github:index/repositoryEnvironment:RepositoryEnvironment",
    inputs: {
      repository: { ...text, required: true },
      environment: { ...text, required: true },
      canAdminsBypass: { kind: "boolean", default: true },
      preventSelfReview: { kind: "boolean", default: false },
      waitTimer: { kind: "number" },
      reviewers: { kind: "list" },
      deploymentBranchPolicy: { kind: "object" },
    },
    secretOutputs: [],
    validate: ({ waitTimer, reviewers }, name) => {
      const { teams, users } = reviewersOf(reviewers);
      return [
        ...(typeof waitTimer === "number" && !(waitTimer >= 0 && waitTimer <= 43200)
          ? [failure(name, "waitTimer", `expected wait_timer to be in the range (0 - 43200), got ${waitTimer}`)]
          : []),
        ...(teams.length + users.length > 6
          ? [
              failure(
                name,
                "reviewers",
                "a maximum of 6 reviewers (users and teams combined) can be set for an environment",
              ),
            ]
          : []),
      ];
    },
    diff: async ({ inputs, outputs }) => {
      const plain = ["canAdminsBypass", "preventSelfReview", "waitTimer", "deploymentBranchPolicy"];
      const changed = plain.filter((key) => differs(inputs[key], outputs[key]));
      if (!same(sorted(inputs["reviewers"]), sorted(outputs["reviewers"]))) changed.push("reviewers");
      const replaces = same(inputs["environment"], outputs["environment"]) ? [] : ["environment"];
      if (!same(inputs["repository"], outputs["repository"])) {
        changed.push("repository");
        if (await anotherRepository(client, inputs, outputs)) replaces.push("repository");
      }
      return { changed: [...new Set([...replaces, ...changed])], replaces };
    },
    plan: (inputs, outputs) => (outputs ? { ...outputs, ...inputs } : { ...unknowns("repositoryId"), ...inputs }),
    create: async ({ inputs }) => {
      await write(inputs);
      const id = joinId(inputs["repository"] as string, inputs["environment"] as string);
      return { id, outputs: { ...meta, ...inputs, id, repositoryId: await repositoryId(client, inputs) } };
    },
    update: async ({ inputs, outputs }) => {
      await write(inputs);
      const id = joinId(inputs["repository"] as string, inputs["environment"] as string);
      return { ...meta, ...inputs, id, repositoryId: outputs["repositoryId"] };
    },
    read: async ({ id, inputs, outputs }) => {
      const [repository, environment] = splitId(id, "<repository>:<environment>");
      const known = Object.keys(outputs).length ? outputs : { repository, environment };
      const answer = await client.call("GET", await pathOf(client, known)).catch(gone);
      if (!answer) return undefined;
      const found = { ...known, ...protectionOf(answer.body) };
      const imported = Object.fromEntries(Object.entries(found).filter(([key]) => !["id", "__meta"].includes(key)));
      const number = known["repositoryId"] ?? (await repositoryId(client, known));
      const outputsNow = { ...meta, ...found, id, repositoryId: number };
      return { id, outputs: outputsNow, inputs: Object.keys(inputs).length ? inputs : imported };
    },
    delete: async ({ outputs }) => {
      await client.call("DELETE", await pathOf(client, outputs)).catch(gone);
    },
  });
}

export function environmentDeploymentPolicy(client: GithubClient): Resource {
  const policies = async (properties: Properties): Promise<string> =>
    `${await pathOf(client, properties)}/deployment-branch-policies`;
  const idOf = ({ repository, environment }: Properties, policyId: number): string =>
    joinId(repository as string, environment as string, `${policyId}`);
  return bridged({
    token: "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy",
    inputs: {
      repository: { ...text, required: true },
      environment: { ...text, required: true },
      branchPattern: text,
      tagPattern: text,
    },
    secretOutputs: [],
    validate: (inputs, name) =>
      ["branchPattern", "tagPattern"].filter((key) => inputs[key] !== undefined).length === 1
        ? []
        : [
            failure(
              name,
              "branchPattern",
              "one of `branch_pattern,tag_pattern` must be specified, and only one of them",
            ),
          ],
    diff: async ({ inputs, outputs }) => {
      const changed = ["branchPattern", "tagPattern"].filter((key) => differs(inputs[key], outputs[key]));
      const replaces = changed.length === 2 ? [...changed] : [];
      if (!same(inputs["environment"], outputs["environment"])) replaces.push("environment");
      if (!same(inputs["repository"], outputs["repository"])) {
        changed.push("repository");
        if (await anotherRepository(client, inputs, outputs)) replaces.push("repository");
      }
      return { changed: [...new Set([...replaces, ...changed])], replaces };
    },
    plan: (inputs, outputs) =>
      outputs ? { ...outputs, ...inputs } : { ...unknowns("repositoryId", "policyId"), ...inputs },
    create: async ({ inputs }) => {
      const type = inputs["branchPattern"] ? "branch" : "tag";
      const name = inputs["branchPattern"] ?? inputs["tagPattern"];
      const { body } = await client.call("POST", await policies(inputs), { name, type });
      const id = idOf(inputs, body["id"] as number);
      const repository = await repositoryId(client, inputs);
      return { id, outputs: { ...meta, ...inputs, id, repositoryId: repository, policyId: body["id"] as number } };
    },
    update: async ({ inputs, outputs }) => {
      const name = inputs["branchPattern"] ?? inputs["tagPattern"];
      await client.call("PUT", `${await policies(inputs)}/${outputs["policyId"] as number}`, { name });
      return { ...outputs, ...inputs };
    },
    read: async ({ id, inputs, outputs }) => {
      const [repository, environment, number] = splitId(id, "<repository>:<environment>:<policy_id>");
      const known = Object.keys(outputs).length ? outputs : { repository, environment, policyId: Number(number) };
      const path = `${await policies(known)}/${known["policyId"] as number}`;
      const answer = await client.call("GET", path).catch(gone);
      if (!answer) return undefined;
      const key = answer.body["type"] === "branch" ? "branchPattern" : "tagPattern";
      const found = { ...known, [key]: answer.body["name"] as string };
      const imported = { repository, environment, [key]: answer.body["name"] as string };
      return { id, outputs: found, inputs: Object.keys(inputs).length ? inputs : imported };
    },
    delete: async ({ outputs }) => {
      await client.call("DELETE", `${await policies(outputs)}/${outputs["policyId"] as number}`);
    },
  });
}

function requestOf(inputs: Properties): object {
  const { waitTimer, canAdminsBypass, preventSelfReview, reviewers, deploymentBranchPolicy } = inputs;
  const { teams, users } = reviewersOf(reviewers);
  const policy = deploymentBranchPolicy as Group | undefined;
  return {
    ...(waitTimer ? { wait_timer: waitTimer } : {}),
    can_admins_bypass: canAdminsBypass,
    prevent_self_review: preventSelfReview,
    // go-github sends null for what is not given, which takes it away.
    reviewers: reviewers
      ? [...teams.map((id) => ({ type: "Team", id })), ...users.map((id) => ({ type: "User", id }))]
      : null,
    deployment_branch_policy: policy
      ? { protected_branches: policy["protectedBranches"], custom_branch_policies: policy["customBranchPolicies"] }
      : null,
  };
}

/**
 * What a read sets. Reviewers and self-review stand in one rule, which GitHub leaves out when nobody has to review: the
 * official plugin 6.13 then keeps what it remembered, so that drift goes unseen.
 */
function protectionOf(body: Record<string, unknown>): Properties {
  interface Rule {
    type: string;
    wait_timer?: number;
    prevent_self_review?: boolean;
    reviewers?: { type: string; reviewer: { id: number } }[];
  }
  const rules = (body["protection_rules"] ?? []) as Rule[];
  const review = rules.find(({ type }) => type === "required_reviewers");
  const ids = (kind: string): number[] =>
    (review?.reviewers ?? []).filter(({ type }) => type === kind).map(({ reviewer }) => reviewer.id);
  const policy = body["deployment_branch_policy"] as Record<string, boolean> | null;
  return {
    canAdminsBypass: body["can_admins_bypass"] === true,
    waitTimer: rules.find(({ type }) => type === "wait_timer")?.wait_timer,
    ...(review
      ? {
          reviewers: [{ teams: ids("Team"), users: ids("User") }],
          preventSelfReview: review.prevent_self_review === true,
        }
      : {}),
    deploymentBranchPolicy: policy
      ? {
          protectedBranches: policy["protected_branches"] ?? false,
          customBranchPolicies: policy["custom_branch_policies"] ?? false,
        }
      : undefined,
  };
}

function reviewersOf(value: Value): { teams: number[]; users: number[] } {
  const [first] = Array.isArray(value) ? (value as Group[]) : [];
  const ids = (key: string): number[] => (Array.isArray(first?.[key]) ? (first[key] as number[]) : []);
  return { teams: ids("teams"), users: ids("users") };
}

/** Teams and users are sets. */
function sorted(value: Value): Value {
  const { teams, users } = reviewersOf(value);
  return { teams: [...teams].sort((a, b) => a - b), users: [...users].sort((a, b) => a - b) };
}
