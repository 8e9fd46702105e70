import { randomBytes } from "node:crypto";
import { Refusal, newId, type Answer } from "./answers.ts";

export type EnvType = "system" | "encrypted" | "plain" | "sensitive" | "secret";
export type EnvTarget = "production" | "preview" | "development";

export interface VercelEnvVar {
  id: string;
  key: string;
  value: string;
  type: EnvType;
  target: EnvTarget[];
  gitBranch?: string;
  comment?: string;
  /** Milliseconds since the epoch, as every time of Vercel. */
  createdAt: number;
  updatedAt: number;
}

export type ReadyState = "QUEUED" | "INITIALIZING" | "BUILDING" | "READY" | "ERROR" | "CANCELED" | "BLOCKED";

export interface VercelDeployment {
  id: string;
  name: string;
  url: string;
  readyState: ReadyState;
  target: "production" | null;
  source: "git" | "redeploy" | "api";
  gitSource?: Record<string, unknown>;
  /** The deployment of which this one is a redeploy. */
  originalId?: string;
  createdAt: number;
  buildingAt?: number;
  ready?: number;
  errorCode?: string;
  errorMessage?: string;
  /** What it was, or will be, built and started with: taken when it is created. */
  env: Record<string, string>;
}

export interface VercelProject {
  id: string;
  name: string;
  /** The team, or the user. */
  accountId: string;
  createdAt: number;
  env: VercelEnvVar[];
  /** Newest first. */
  deployments: VercelDeployment[];
  /** The deployment behind the production address. */
  liveId?: string;
}

export interface VercelToken {
  id: string;
  name: string;
  value: string;
  createdAt: number;
  expiresAt?: number;
}

export interface VercelState {
  user: { id: string; username: string; email: string };
  team: { id: string; slug: string };
  projects: VercelProject[];
  tokens: VercelToken[];
}

const ENDED: ReadyState[] = ["READY", "ERROR", "CANCELED", "BLOCKED"];

/** True until a deployment has an end. */
export function isRunning(deployment: VercelDeployment): boolean {
  return !ENDED.includes(deployment.readyState);
}

/** Vercel's shape of an error; `more` goes beside `code` and `message`. */
export function vercelError(code: string, message: string, more: Record<string, unknown> = {}): { error: object } {
  return { error: { code, message, ...more } };
}

export function refuse(status: number, code: string, message: string, more?: Record<string, unknown>): Refusal {
  return new Refusal(status, vercelError(code, message, more));
}

export function answer(status: number, code: string, message: string, more?: Record<string, unknown>): Answer {
  return { status, body: vercelError(code, message, more) };
}

/**
 * A project by id or name, within the team that the query names.
 * @throws Refusal 403 for another team, 404 where the scope holds no such project
 */
export function findProject(
  state: Readonly<VercelState>,
  idOrName: string,
  query: { teamId?: string; slug?: string },
): VercelProject {
  const project = state.projects.find(({ id, name }) => id === idOrName || name === idOrName);
  if (!project || project.accountId !== scopeOf(state, query)) throw refuse(404, "not_found", "Project not found");
  return project;
}

/** The account that a query speaks for: the team, or without one the user. */
export function scopeOf(state: Readonly<VercelState>, query: { teamId?: string; slug?: string }): string {
  if (query.teamId === undefined && query.slug === undefined) return state.user.id;
  if (query.teamId === state.team.id || query.slug === state.team.slug) return state.team.id;
  throw refuse(403, "forbidden", "Not authorized");
}

/** The variables that a deployment for `target` gets now. Those for one branch do not count for production. */
export function snapshot(project: VercelProject, target: EnvTarget): Record<string, string> {
  const used = project.env.filter((variable) => variable.target.includes(target) && variable.gitBranch === undefined);
  return Object.fromEntries(used.map(({ key, value }) => [key, value]));
}

export function newDeployment(
  project: VercelProject,
  fields: Pick<VercelDeployment, "target" | "source" | "env"> & Partial<VercelDeployment>,
): VercelDeployment {
  const url = `${project.name}-${newId("", 9)}-sandbox.vercel.app`;
  return { id: newId("dpl_", 24), name: project.name, url, readyState: "QUEUED", createdAt: Date.now(), ...fields };
}

/** A token value: letters and digits, 24 of them. */
export function newTokenValue(): string {
  return randomBytes(64)
    .toString("base64")
    .replace(/[^A-Za-z0-9]/g, "")
    .slice(0, 24);
}
