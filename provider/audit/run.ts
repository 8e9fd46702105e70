// Who runs, in which run, and with whose approval; told by the environment.
import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";
import type { AuditRun } from "./record.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * One id for everything that belongs together: ROTATION_RUN_ID (which `rotate` hands to pulumi), the run and attempt of
 * GitHub Actions, the pipeline of GitLab, else the time and eight random hex digits.
 */
export function runIdOf(env: Env, now: Date): string {
  const { ROTATION_RUN_ID: given, GITHUB_RUN_ID: github, CI_PIPELINE_ID: gitlab } = env;
  if (given) return given;
  if (github) return `github-${github}-${env["GITHUB_RUN_ATTEMPT"] ?? "1"}`;
  if (gitlab) return `gitlab-${gitlab}`;
  return `${now.toISOString().slice(0, 19)}Z-${randomBytes(4).toString("hex")}`;
}

/** ROTATION_RUN_BY (which `rotate` sets), else whom CI names, else the login. One line of plain characters. */
export function runnerOf(env: Env): string {
  const names = ["ROTATION_RUN_BY", "GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER"];
  const name = names.map((each) => env[each]).find((each) => each) ?? login();
  return name.replaceAll(/[^\w.@+ -]/g, "").slice(0, 80) || "unknown";
}

/** @param stack `<project>/<stack>` */
export function auditRun(env: Env, now: Date, stack: string): AuditRun {
  const approvals = (env["ROTATION_APPROVALS"] ?? "").split(",").map((each) => each.trim());
  return { id: runIdOf(env, now), by: runnerOf(env), approvals: approvals.filter((each) => each !== ""), stack };
}

/** `<project>/<stack>` of a URN. */
export function stackOf(urn: string): string {
  const [stack = "", project = ""] = urn.replace(/^urn:pulumi:/, "").split("::");
  return `${project}/${stack}`;
}

function login(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}
