// Who types the command, for the records that are kept in the stack's config.
import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { repository } from "./engine.ts";

/** In CI whoever started the job; else git's user, else the login. One line, without quotes. */
export function who(env: NodeJS.ProcessEnv): string {
  const git = spawnSync("git", ["config", "user.email"], { cwd: repository, env, encoding: "utf8" });
  const name = env["GITHUB_ACTOR"] || git.stdout?.trim() || env["USER"] || login();
  return name.replaceAll(/[^\w.@+ -]/g, "").slice(0, 80) || "unknown";
}

function login(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}
