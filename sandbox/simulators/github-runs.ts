// Workflow runs, and who approved which environment of one (docs.github.com/rest/actions/workflow-runs).
import type { FastifyInstance } from "fastify";
import type { Access } from "./kit.ts";
import {
  accountOf,
  findRepository,
  nodeId,
  notFound,
  now,
  type GithubRepository,
  type GithubState,
} from "./github-state.ts";

/** One review of waiting deployments. */
export interface GithubApproval {
  state: "approved" | "rejected";
  /** Names of the environments that it was given for. */
  environments: string[];
  user: string;
  type: "User" | "Bot";
  comment: string;
}

export type GithubConclusion = "success" | "failure" | "cancelled" | "timed_out";

export interface GithubRun {
  id: number;
  event: string;
  /** Who or what it started by; for a schedule the one who last changed the workflow's schedule. */
  actor: string;
  /** Who started this attempt. */
  triggeringActor: string;
  attempt: number;
  headSha: string;
  headBranch: string;
  /** RFC 3339: when this attempt began. */
  startedAt: string;
  /** How and when it ended; left out while it is in progress. */
  ended?: { conclusion: GithubConclusion; at: string };
  approvals: GithubApproval[];
}

/** What a test says about a run; the rest is as for a scheduled first attempt on the default branch. */
export type RunSpec = Partial<Omit<GithubRun, "id" | "approvals" | "ended">>;

interface Params {
  owner: string;
  repo: string;
  run: string;
}

export function runRoutes(app: FastifyInstance, { read }: Access<GithubState>): void {
  const find = (state: Readonly<GithubState>, { owner, repo, run }: Params): GithubRun =>
    findRun(findRepository(state, owner, repo), Number(run));
  app.get<{ Params: Params }>("/repos/:owner/:repo/actions/runs/:run", async (request) =>
    shown(find(read(request), request.params)),
  );
  app.get<{ Params: Params & { attempt: string } }>(
    "/repos/:owner/:repo/actions/runs/:run/attempts/:attempt",
    async (request) => {
      const run = find(read(request), request.params);
      const attempt = Number(request.params.attempt);
      if (!(attempt >= 1 && attempt <= run.attempt)) throw notFound();
      // A run is started again only after it has ended, and not well.
      const ended = { conclusion: "failure", at: run.startedAt } as const;
      return shown(attempt === run.attempt ? run : { ...run, attempt, ended });
    },
  );
  // The history is that of the run, over all of its attempts.
  app.get<{ Params: Params }>("/repos/:owner/:repo/actions/runs/:run/approvals", async (request) => {
    const { owner, repo } = request.params;
    const { environments } = findRepository(read(request), owner, repo);
    return find(read(request), request.params).approvals.map(({ state, user, type, comment, environments: names }) => ({
      state,
      comment,
      user: { ...accountOf(user, "User"), type },
      environments: names.map((name) => {
        const known = environments.find((environment) => environment.name === name);
        return { id: known?.id ?? 0, node_id: nodeId("EN", known?.id ?? 0), name, created_at: known?.createdAt };
      }),
    }));
  });
}

function shown(run: GithubRun) {
  const { id, event, actor, triggeringActor, attempt, headSha, headBranch, startedAt, ended } = run;
  return {
    id,
    node_id: nodeId("WFR", id),
    event,
    status: ended ? "completed" : "in_progress",
    conclusion: ended?.conclusion ?? null,
    run_attempt: attempt,
    head_sha: headSha,
    head_branch: headBranch,
    actor: accountOf(actor, "User"),
    triggering_actor: accountOf(triggeringActor, "User"),
    created_at: startedAt,
    run_started_at: startedAt,
    updated_at: ended?.at ?? startedAt,
  };
}

/** Adds a run; ids are as large as real ones. */
export function addRun(repository: GithubRepository, spec: RunSpec = {}): GithubRun {
  const runs = (repository.runs ??= []);
  const actor = spec.actor ?? "scheduler";
  const run: GithubRun = {
    id: 12_000_000_001 + runs.length,
    event: "schedule",
    triggeringActor: actor,
    attempt: 1,
    headSha: "0".repeat(40),
    headBranch: "main",
    startedAt: now(),
    ...spec,
    actor,
    approvals: [],
  };
  runs.push(run);
  return run;
}

/** @throws Refusal 404 */
export function findRun(repository: GithubRepository, id: number): GithubRun {
  const run = repository.runs?.find((known) => known.id === id);
  if (!run) throw notFound();
  return run;
}
