// `github.WorkflowRepositoryPermissions` and the function `github.getTeam` as terraform-provider-github 6.13 has them
// (`github/resource_github_workflow_repository_permissions.go`, `data_source_github_team.go`).
import type { Properties, Resource } from "../../../provider/wire/contract.ts";
import { bridged, differs, failure } from "../shared/bridge.ts";
import type { GithubClient } from "./client.ts";
import { repositoryPath } from "./repository.ts";

const text = { kind: "string" } as const;

export function workflowRepositoryPermissions(client: GithubClient): Resource {
  const path = async (repository: unknown): Promise<string> =>
    `${await repositoryPath(client, repository)}/actions/permissions/workflow`;
  const read = async (repository: string): Promise<Properties> => {
    const { body } = await client.call("GET", await path(repository));
    return {
      repository,
      defaultWorkflowPermissions: body["default_workflow_permissions"] as string,
      canApprovePullRequestReviews: body["can_approve_pull_request_reviews"] === true,
      id: repository,
    };
  };
  const write = async (inputs: Properties): Promise<Properties> => {
    const repository = inputs["repository"] as string;
    await client.call("PUT", await path(repository), {
      default_workflow_permissions: inputs["defaultWorkflowPermissions"] ?? "",
      can_approve_pull_request_reviews: inputs["canApprovePullRequestReviews"] ?? false,
    });
    return read(repository);
  };
  return bridged({
    token: "github:index/workflowRepositoryPermissions:WorkflowRepositoryPermissions",
    inputs: {
      repository: { ...text, required: true },
      defaultWorkflowPermissions: text,
      canApprovePullRequestReviews: { kind: "boolean", default: false },
    },
    secretOutputs: [],
    validate: ({ defaultWorkflowPermissions: given }, name) =>
      typeof given === "string" && given !== "read" && given !== "write"
        ? [
            failure(
              name,
              "defaultWorkflowPermissions",
              `expected default_workflow_permissions to be one of ["read" "write"], got ${given}`,
            ),
          ]
        : [],
    diff: ({ inputs, outputs }) => ({
      changed: ["repository", "defaultWorkflowPermissions", "canApprovePullRequestReviews"].filter((key) =>
        differs(inputs[key], outputs[key]),
      ),
    }),
    plan: (inputs, outputs) => ({ ...outputs, ...inputs }),
    create: async ({ inputs }) => ({ id: inputs["repository"] as string, outputs: await write(inputs) }),
    update: async ({ inputs }) => write(inputs),
    read: async ({ id, inputs }) => {
      const outputs = await read(id);
      const imported = Object.fromEntries(Object.entries(outputs).filter(([key]) => key !== "id"));
      return { id, outputs, inputs: Object.keys(inputs).length ? inputs : imported };
    },
    // Nothing can be taken away; GitHub's own defaults come back.
    delete: async ({ id }) => {
      const body = { default_workflow_permissions: "read", can_approve_pull_request_reviews: false };
      await client.call("PUT", await path(id), body);
    },
  });
}

/** Covered with `summaryOnly` alone: members and repositories are left empty. */
export async function getTeam(client: GithubClient, args: Properties): Promise<Properties> {
  if (args["summaryOnly"] !== true)
    throw new Error(
      "The stand-in for github:index/getTeam:getTeam covers summaryOnly: true alone. Set it, or install the official plugin.",
    );
  const slug = args["slug"] as string;
  const { body } = await client.call("GET", `orgs/${await client.owner()}/teams/${encodeURIComponent(slug)}`);
  return {
    ...{ slug, summaryOnly: true, id: String(body["id"]), name: body["name"] as string },
    description: (body["description"] as string | null) ?? "",
    ...{ privacy: body["privacy"] as string, permission: body["permission"] as string },
    notificationSetting: body["notification_setting"] as string,
    nodeId: body["node_id"] as string,
    ...{ members: [], repositories: [], repositoriesDetaileds: [] },
  };
}
