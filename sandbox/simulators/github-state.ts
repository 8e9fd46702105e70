import { Refusal, type Answer } from "./answers.ts";
import type { GithubBranches } from "./github-contents.ts";
import type { GithubComment, GithubIssue } from "./github-issues.ts";
import type { GithubRun } from "./github-runs.ts";
import { newBoxKeys, type BoxKeys } from "./sealed-box.ts";

export interface GithubSecret {
  value: string;
  /** RFC 3339, whole seconds, as GitHub keeps them. */
  createdAt: string;
  updatedAt: string;
}

/** What has secrets and a key to seal them with: a repository or an environment. */
export interface SecretHolder {
  keyId: string;
  keys: BoxKeys;
  /** By upper-case name. */
  secrets: Record<string, GithubSecret>;
}

/** Who must approve a job before it starts in an environment, and from which branches it may. */
export interface GithubProtection {
  /** Minutes. */
  waitTimer: number;
  preventSelfReview: boolean;
  reviewers: { type: "User" | "Team"; id: number }[];
  branchPolicy: { protected_branches: boolean; custom_branch_policies: boolean } | null;
  /** @default true */
  canAdminsBypass?: boolean;
}

export interface GithubEnvironment extends SecretHolder {
  id: number;
  name: string;
  createdAt: string;
  protection?: GithubProtection;
  /** Patterns of the branches and tags that may deploy, where the protection asks for patterns. */
  branchPolicies?: { id: number; name: string; type: "branch" | "tag" }[];
}

/** A ruleset as it was written, with the number that it got. */
export interface GithubRuleset extends Record<string, unknown> {
  id: number;
}

export interface GithubRepository extends SecretHolder {
  id: number;
  owner: string;
  name: string;
  createdAt: string;
  environments: GithubEnvironment[];
  issues?: GithubIssue[];
  comments?: GithubComment[];
  runs?: GithubRun[];
  branches?: GithubBranches;
  rulesets?: GithubRuleset[];
  workflowPermissions?: { default_workflow_permissions: string; can_approve_pull_request_reviews: boolean };
}

export interface GithubState {
  repositories: GithubRepository[];
}

/** Adds the repositories and environments that are not there yet; gives the state back. */
export function addMissing(
  state: GithubState,
  wanted: { owner: string; name: string; environments?: string[] }[],
): GithubState {
  for (const { owner, name, environments = [] } of wanted) {
    let repository = state.repositories.find((known) => known.owner === owner && known.name === name);
    if (!repository) {
      const id = 70_000_001 + state.repositories.length;
      repository = { ...newHolder(), id, owner, name, createdAt: now(), environments: [] };
      state.repositories.push(repository);
    }
    const known = new Set(repository.environments.map((environment) => environment.name));
    repository.environments.push(...environments.filter((other) => !known.has(other)).map(newEnvironment));
  }
  return state;
}

export function newEnvironment(name: string): GithubEnvironment {
  return { ...newHolder(), id: 1_000_000 + Math.floor(Math.random() * 1e9), name, createdAt: now() };
}

function newHolder(): SecretHolder {
  // Real key ids are decimal numbers too long for a JavaScript number, given as strings.
  const keyId = `5682${String(Math.floor(Math.random() * 1e14)).padStart(14, "0")}`;
  return { keyId, keys: newBoxKeys(), secrets: {} };
}

/** Names are compared without case. @throws Refusal 404 */
export function findRepository(state: Readonly<GithubState>, owner: string, name: string): GithubRepository {
  const full = `${owner}/${name}`.toLowerCase();
  return state.repositories.find((known) => `${known.owner}/${known.name}`.toLowerCase() === full) ?? missing();
}

/** @throws Refusal 404 */
export function findRepositoryById(state: Readonly<GithubState>, id: string): GithubRepository {
  return state.repositories.find((known) => String(known.id) === id) ?? missing();
}

/** @throws Refusal 404 */
export function findEnvironment(repository: GithubRepository, name: string): GithubEnvironment {
  return repository.environments.find((known) => known.name.toLowerCase() === name.toLowerCase()) ?? missing();
}

/** A user or organisation as the API shows it. */
export function accountOf(login: string, type: "User" | "Organization"): Record<string, unknown> {
  // A stable number from the name: the same account has the same id in every answer and after a restart.
  const id = [...login.toLowerCase()].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9_999_991, 7);
  return { login, id, node_id: nodeId("O", id), type, site_admin: false, name: login };
}

/** An opaque id as GraphQL would give it. */
export function nodeId(kind: string, id: number): string {
  return `${kind}_${Buffer.from(String(id)).toString("base64url")}`;
}

/** Now, in whole seconds: two writes within a second look the same, as they do at GitHub. */
export function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

/** GitHub's shape of an error. */
export function refuse(status: number, message: string, documentation_url: string): Answer {
  return { status, body: { message, documentation_url, status: String(status) } };
}

export function notFound(): Refusal {
  return new Refusal(404, refuse(404, "Not Found", "https://docs.github.com/rest").body);
}

function missing(): never {
  throw notFound();
}
