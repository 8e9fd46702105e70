// Everything outside of the repository's files that a rotation's safety rests on: who approves, which branch may
// deploy, which checks a change must pass, and what a workflow may do when it says nothing.
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";

export interface RepositoryGuardsArgs {
  /** Name of the repository, without its owner. */
  repository: string;
  /** Slugs of the teams that approve: two different ones. */
  operations: string;
  security: string;
  /** The branch that may deploy and that is protected. @default "main" */
  branch?: string;
  /** Approvals of a pull request, 1 to 6. @default 1 */
  reviews?: number;
}

/** Jobs whose success a change to the branch needs, by the names of `.github/workflows/`. */
export const requiredChecks = ["test", "policies", "preview"] as const;

type Team = "operations" | "security";
/** Environments of the workflows, with the teams of which one person has to approve. */
export const environments: Readonly<Record<string, { reviewers: readonly Team[]; anyBranch?: true }>> = {
  // Pull requests preview in it, so any branch may.
  preview: { reviewers: [], anyBranch: true },
  staging: { reviewers: [] },
  "production-operations": { reviewers: ["operations"] },
  "production-security": { reviewers: ["security"] },
  "production-emergency": { reviewers: ["operations", "security"] },
  production: { reviewers: [] },
};

/** GitHub Actions, as an app: no other one can report the required checks. */
const actions = 15_368;

export class RepositoryGuards extends pulumi.ComponentResource {
  constructor(name: string, args: RepositoryGuardsArgs, opts?: pulumi.ComponentResourceOptions) {
    validate(args);
    super("secret-rotation:index:RepositoryGuards", name, {}, opts);
    const { repository, branch = "main", reviews = 1 } = args;
    const parent = { parent: this };
    const teams = { operations: this.#team(args.operations), security: this.#team(args.security) };
    for (const [environment, { reviewers, anyBranch }] of Object.entries(environments)) {
      const guarded = new github.RepositoryEnvironment(
        `${name}/${environment}`,
        {
          repository,
          environment,
          canAdminsBypass: reviewers.length === 0,
          preventSelfReview: reviewers.length > 0,
          ...(reviewers.length ? { reviewers: [{ teams: reviewers.map((team) => teams[team]), users: [] }] } : {}),
          ...(anyBranch ? {} : { deploymentBranchPolicy: { protectedBranches: false, customBranchPolicies: true } }),
        },
        parent,
      );
      if (!anyBranch)
        new github.RepositoryEnvironmentDeploymentPolicy(
          `${name}/${environment}/${branch}`,
          { repository, environment, branchPattern: branch },
          { ...parent, dependsOn: [guarded] },
        );
    }
    new github.RepositoryRuleset(
      `${name}/${branch}`,
      {
        name: `Guards of ${branch}`,
        repository,
        target: "branch",
        enforcement: "active",
        conditions: { refName: { includes: [`refs/heads/${branch}`], excludes: [] } },
        rules: {
          deletion: true,
          nonFastForward: true,
          pullRequest: {
            requiredApprovingReviewCount: reviews,
            dismissStaleReviewsOnPush: true,
            requireLastPushApproval: true,
            requiredReviewThreadResolution: true,
          },
          requiredStatusChecks: {
            requiredChecks: requiredChecks.map((context) => ({ context, integrationId: actions })),
            strictRequiredStatusChecksPolicy: true,
          },
        },
      },
      parent,
    );
    new github.WorkflowRepositoryPermissions(
      `${name}/workflows`,
      // A request to rotate now is kept by a pull request that the workflow opens; GitHub has one switch for that and
      // for approving, so only jobs that ask for "pull-requests: write" have either.
      { repository, defaultWorkflowPermissions: "read", canApprovePullRequestReviews: true },
      parent,
    );
    this.registerOutputs({});
  }

  #team(slug: string): pulumi.Output<number> {
    const found = github.getTeamOutput({ slug, summaryOnly: true }, { parent: this });
    return found.id.apply((id) => Number(id));
  }
}

/** @throws RunError that says what to type */
function validate({ operations, security, reviews = 1 }: RepositoryGuardsArgs): void {
  if (operations === security)
    throw new pulumi.RunError(
      `operations and security are both the team "${operations}", so one team could approve alone; name two teams: pulumi config set security security-team`,
    );
  if (!(Number.isInteger(reviews) && reviews >= 1 && reviews <= 6))
    throw new pulumi.RunError(`reviews is ${reviews}; give the approvals of a pull request, from 1 to 6`);
}
