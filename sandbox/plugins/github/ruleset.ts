// `github.RepositoryRuleset` as terraform-provider-github 6.13 has it (`github/resource_github_repository_ruleset.go`,
// `util_rules.go`), for the rules that guard a branch. Rules are compared by what they would ask of the API.
import type { Failure, Properties, Resource, Value } from "../../../provider/wire/contract.ts";
import { reveal, same, Unknown } from "../../../provider/wire/values.ts";
import { bridged, failure, unknowns } from "../shared/bridge.ts";
import type { GithubClient } from "./client.ts";
import { gone, repositoryPath, splitId } from "./repository.ts";

type Group = Record<string, Value>;
const text = { kind: "string" } as const;
const meta = { __meta: JSON.stringify({ schema_version: "1" }) };

/** Rules without parameters, by their input. */
const switches: Readonly<Record<string, string>> = {
  creation: "creation",
  deletion: "deletion",
  nonFastForward: "non_fast_forward",
  requiredLinearHistory: "required_linear_history",
  requiredSignatures: "required_signatures",
};
const pullRequest: Readonly<Record<string, string>> = {
  dismissStaleReviewsOnPush: "dismiss_stale_reviews_on_push",
  requireCodeOwnerReview: "require_code_owner_review",
  requireLastPushApproval: "require_last_push_approval",
  requiredApprovingReviewCount: "required_approving_review_count",
  requiredReviewThreadResolution: "required_review_thread_resolution",
};
const covered = [...Object.keys(switches), "pullRequest", "requiredStatusChecks"];

export function repositoryRuleset(client: GithubClient): Resource {
  const pathOf = async ({ repository }: Properties, id = ""): Promise<string> =>
    `${await repositoryPath(client, repository)}/rulesets${id && `/${id}`}`;
  return bridged({
    token: "github:index/repositoryRuleset:RepositoryRuleset",
    inputs: {
      name: { ...text, required: true },
      target: { ...text, required: true },
      repository: { ...text, required: true },
      enforcement: { ...text, required: true },
      bypassActors: { kind: "list" },
      conditions: { kind: "object" },
      rules: { kind: "object", required: true },
    },
    secretOutputs: [],
    validate,
    diff: ({ inputs, outputs }) => {
      const [wanted, found] = [requestOf(inputs), requestOf(outputs)] as [Group, Group];
      const names: Record<string, string> = { bypass_actors: "bypassActors" };
      const changed = Object.keys(wanted).filter((key) => !same(wanted[key], found[key]));
      if (!same(inputs["repository"], outputs["repository"])) changed.push("repository");
      return { changed: changed.map((key) => names[key] ?? key) };
    },
    plan: (inputs, outputs) =>
      outputs ? { ...outputs, ...inputs } : { ...unknowns("nodeId", "rulesetId", "etag"), ...inputs },
    create: async ({ inputs }) => {
      const { body } = await client.call("POST", await pathOf(inputs), requestOf(inputs));
      return { id: String(body["id"]), outputs: { ...meta, ...inputs, ...computed(body) } };
    },
    update: async ({ id, inputs }) => {
      const { body } = await client.call("PUT", await pathOf(inputs, id), requestOf(inputs));
      return { ...meta, ...inputs, ...computed(body) };
    },
    read: async ({ id, inputs, outputs }) => {
      const imported = Object.keys(outputs).length === 0;
      const [repository, number = id] = imported
        ? splitId(id, "<repository>:<ruleset_id>")
        : [outputs["repository"], id];
      const answer = await client
        .call("GET", await pathOf({ repository: repository ?? "" }, String(number)))
        .catch(gone);
      if (!answer) return undefined;
      const found = { repository: repository ?? "", ...inputsOf(answer.body) };
      return {
        id: String(answer.body["id"]),
        outputs: { ...meta, ...found, ...computed(answer.body) },
        inputs: imported ? found : inputs,
      };
    },
    delete: async ({ id, outputs }) => {
      await client.call("DELETE", await pathOf(outputs, id)).catch(gone);
    },
  });
}

function validate(inputs: Properties, name: string): Failure[] {
  const failures: Failure[] = [];
  const among = (key: string, allowed: string[]): void => {
    const value = inputs[key];
    if (typeof value === "string" && !allowed.includes(value))
      failures.push(
        failure(
          name,
          key,
          `expected ${key} to be one of [${allowed.map((each) => `"${each}"`).join(" ")}], got ${value}`,
        ),
      );
  };
  among("target", ["branch", "tag"]);
  among("enforcement", ["disabled", "active", "evaluate"]);
  const rules = inputs["rules"] as Group;
  for (const key of Object.keys(rules))
    if (!covered.includes(key))
      failures.push({
        reason: `The stand-in for github:index/repositoryRuleset:RepositoryRuleset does not cover the rule '${key}' of '${name}'. Leave it out, or install the official plugin.`,
      });
  const count = group(rules["pullRequest"])["requiredApprovingReviewCount"];
  if (typeof count === "number" && !(count >= 0 && count <= 10))
    failures.push(
      failure(
        name,
        "rules.pullRequest.requiredApprovingReviewCount",
        `expected required_approving_review_count to be in the range (0 - 10), got ${count}`,
      ),
    );
  if (!(inputs["conditions"] instanceof Unknown) && inputs["conditions"] === undefined)
    failures.push(failure(name, "conditions", "conditions must be set for branch target"));
  return failures;
}

function requestOf(properties: Properties): object {
  const rules = group(properties["rules"]);
  const refName = group(group(properties["conditions"])["refName"]);
  const list = (value: Value): Group[] => (Array.isArray(value) ? (value as Group[]) : []);
  const given = rules["pullRequest"] === undefined ? undefined : group(rules["pullRequest"]);
  const checks = rules["requiredStatusChecks"] === undefined ? undefined : group(rules["requiredStatusChecks"]);
  return {
    name: properties["name"],
    target: properties["target"],
    enforcement: properties["enforcement"],
    bypass_actors: list(properties["bypassActors"]).map((actor) => ({
      actor_id: actor["actorId"] ?? 0,
      actor_type: actor["actorType"],
      bypass_mode: actor["bypassMode"],
    })),
    conditions: { ref_name: { include: refName["includes"] ?? [], exclude: refName["excludes"] ?? [] } },
    rules: [
      ...Object.entries(switches).flatMap(([key, type]) => (rules[key] === true ? [{ type }] : [])),
      ...(given
        ? [
            {
              type: "pull_request",
              parameters: Object.fromEntries(
                Object.entries(pullRequest).map(([key, name]) => [
                  name,
                  given[key] ?? (key === "requiredApprovingReviewCount" ? 0 : false),
                ]),
              ),
            },
          ]
        : []),
      ...(checks
        ? [
            {
              type: "required_status_checks",
              parameters: {
                // A set: in any order.
                required_status_checks: list(checks["requiredChecks"])
                  .map(({ context, integrationId }) => ({
                    context,
                    ...(integrationId ? { integration_id: integrationId } : {}),
                  }))
                  .sort((a, b) => (a.context as string).localeCompare(b.context as string)),
                strict_required_status_checks_policy: checks["strictRequiredStatusChecksPolicy"] ?? false,
                do_not_enforce_on_create: checks["doNotEnforceOnCreate"] ?? false,
              },
            },
          ]
        : []),
    ],
  };
}

interface Rule {
  type: string;
  parameters?: Record<string, Value>;
}

/** What the API answers, in the inputs' terms. */
function inputsOf(body: Record<string, unknown>): Properties {
  const rules: Group = {};
  for (const { type, parameters = {} } of (body["rules"] ?? []) as Rule[]) {
    const key = Object.keys(switches).find((each) => switches[each] === type);
    if (key) rules[key] = true;
    if (type === "pull_request")
      rules["pullRequest"] = Object.fromEntries(
        Object.entries(pullRequest).map(([name, field]) => [name, parameters[field] ?? false]),
      );
    if (type === "required_status_checks")
      rules["requiredStatusChecks"] = {
        requiredChecks: ((parameters["required_status_checks"] ?? []) as Group[]).map(
          ({ context, integration_id }) => ({
            context,
            integrationId: integration_id ?? 0,
          }),
        ),
        strictRequiredStatusChecksPolicy: parameters["strict_required_status_checks_policy"] ?? false,
        doNotEnforceOnCreate: parameters["do_not_enforce_on_create"] ?? false,
      };
  }
  const reference = (body["conditions"] as { ref_name?: { include: string[]; exclude: string[] } } | undefined)
    ?.ref_name;
  return {
    name: body["name"] as string,
    target: body["target"] as string,
    enforcement: body["enforcement"] as string,
    bypassActors: ((body["bypass_actors"] ?? []) as Group[]).map((actor) => ({
      actorId: actor["actor_id"] ?? 0,
      actorType: actor["actor_type"],
      bypassMode: actor["bypass_mode"],
    })),
    conditions: { refName: { includes: reference?.include ?? [], excludes: reference?.exclude ?? [] } },
    rules,
  };
}

function computed(body: Record<string, unknown>): Properties {
  return { rulesetId: body["id"] as number, nodeId: body["node_id"] as string, etag: "" };
}

function group(value: Value): Group {
  const inner = reveal(value);
  return typeof inner === "object" && inner !== null && !Array.isArray(inner) && !(inner instanceof Unknown)
    ? inner
    : {};
}
