import { Refusal, newId } from "./answers.ts";

/** Every status of Render's API schema; this simulator passes through those that its platform can reach. */
export type DeployStatus =
  | "created"
  | "queued"
  | "build_in_progress"
  | "pre_deploy_in_progress"
  | "update_in_progress"
  | "live"
  | "deactivated"
  | "build_failed"
  | "pre_deploy_failed"
  | "update_failed"
  | "canceled";

export interface RenderDeploy {
  id: string;
  status: DeployStatus;
  trigger: "api" | "manual" | "new_commit" | "rollback";
  commit: { id: string; message: string; createdAt: string };
  /** RFC 3339, as the following. */
  createdAt: string;
  updatedAt: string;
  startedAt?: string;
  finishedAt?: string;
  /** Why it failed; not part of the API, shown by `/_control/names`. */
  reason?: string;
}

export interface RenderService {
  id: string;
  name: string;
  numInstances: number;
  createdAt: string;
  updatedAt: string;
  envVars: Record<string, string>;
  /** Newest first. */
  deploys: RenderDeploy[];
  /** What the running instances were started with. */
  live?: { deployId: string; env: Record<string, string> };
}

export interface RenderState {
  owner: { id: string; name: string; email: string; type: "team" };
  services: RenderService[];
  /** API keys that a person has made or ended on the dashboard since the beginning. */
  madeKeys?: string[];
  revokedKeys?: string[];
}

const RUNNING: DeployStatus[] = [
  "created",
  "queued",
  "build_in_progress",
  "pre_deploy_in_progress",
  "update_in_progress",
];

/** True until a deploy has an end. */
export function isRunning(deploy: RenderDeploy): boolean {
  return RUNNING.includes(deploy.status);
}

/** @throws Refusal 404 */
export function findService(state: Readonly<RenderState>, id: string): RenderService {
  const service = state.services.find((known) => known.id === id);
  if (!service) throw new Refusal(404, renderError(404, `not found: ${id}`));
  return service;
}

/** @throws Refusal 404 */
export function findDeploy(service: RenderService, id: string): RenderDeploy {
  const deploy = service.deploys.find((known) => known.id === id);
  if (!deploy) throw new Refusal(404, renderError(404, `not found: ${id}`));
  return deploy;
}

export function newDeploy(trigger: RenderDeploy["trigger"], commitId = newId("", 40)): RenderDeploy {
  const at = new Date().toISOString();
  const commit = { id: commitId, message: "Deploy", createdAt: at };
  return { id: newId("dep-"), status: "created", trigger, commit, createdAt: at, updatedAt: at };
}

/** A deploy as the API shows it. */
export function deployBody(deploy: RenderDeploy): Record<string, unknown> {
  return { ...deploy, reason: undefined };
}

export function serviceBody(service: RenderService, ownerId: string, url: string): Record<string, unknown> {
  const { id, name, numInstances, createdAt, updatedAt } = service;
  return {
    id,
    name,
    ownerId,
    slug: name,
    type: "web_service",
    autoDeploy: "no",
    branch: "main",
    suspended: "not_suspended",
    suspenders: [],
    dashboardUrl: `https://dashboard.render.com/web/${id}`,
    createdAt,
    updatedAt,
    serviceDetails: { env: "node", runtime: "node", plan: "starter", region: "oregon", numInstances, url },
  };
}

/** Render's shape of an error. */
export function renderError(_status: number, message: string): { id: string; message: string } {
  return { id: newId("err-"), message };
}
