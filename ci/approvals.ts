// Who approved a run, proven by GitHub's own record of it. A GitHub environment is satisfied by one reviewer, so two
// environments in sequence are not yet two people: that is judged here, from the approvals API.
import { CiError } from "./context.ts";
import type { Approval, Run } from "./github.ts";

/** What a run needs: one approval for each environment, each by another person. */
export const needed = {
  production: ["production-operations", "production-security"],
  emergency: ["production-emergency"],
} as const;

/** Hours after which an approval says nothing about what is due now: GitHub lets a run wait for 30 days. */
export const freshHours = 24;

/**
 * Finds a different person for every environment.
 * @returns who approved what, like `alice (production-operations)`
 * @throws CiError that says what is missing and what to do
 */
export function judge(run: Run, approvals: Approval[], environments: readonly string[], now: Date): string[] {
  const refuse = (why: string, next: string): never => {
    throw new CiError(`This run may not rotate production: ${why}. ${next} Nothing was changed.`);
  };
  // GitHub keeps one record over all attempts, so approvals of an earlier one would count for this one.
  if (run.run_attempt > 1)
    refuse(
      `it is attempt ${run.run_attempt}, and approvals were given for the first`,
      "Start a new run and have it approved.",
    );
  const hours = (now.getTime() - Date.parse(run.run_started_at)) / 3_600_000;
  if (!(hours <= freshHours))
    refuse(
      `it was started ${Math.floor(hours)} hours ago, and what is due has changed since (${freshHours} are allowed)`,
      "Start a new run and have it approved.",
    );
  const asked = askedBy(run);
  const rejected = approvals.find(
    ({ state, environments: of }) => state === "rejected" && of.some(({ name }) => environments.includes(name)),
  );
  if (rejected) refuse(`${rejected.user.login} rejected it`, "Settle that, then start a new run.");
  const people = environments.map((environment) => ({
    environment,
    by: approvals
      .filter(({ state, user, environments: of }) => {
        const given = state === "approved" && of.some(({ name }) => same(name, environment));
        return given && user.type === "User" && !asked.some((login) => same(login, user.login));
      })
      .map(({ user }) => user.login),
  }));
  const chosen = distinct(people.map(({ by }) => by));
  if (chosen) return chosen.map((login, at) => `${login} (${environments[at]})`);
  const given = approvals.filter(({ state }) => state === "approved");
  const shown = given.map(({ user, environments: of }) => {
    const note = user.type === "User" ? "" : " (not a person)";
    const own = asked.some((login) => same(login, user.login)) ? " (who asked for it)" : "";
    return `${user.login}${own}${note} for ${of.map(({ name }) => name).join(" and ")}`;
  });
  return refuse(
    `it needs ${environments.length === 1 ? "an approval" : `${environments.length} approvals by different people`} for ${environments.join(" and ")}, by nobody who asked for it; it has ${shown.join("; ") || "none"}`,
    "Start a new run and have it approved by others.",
  );
}

/** Logins of those who asked. The one whom GitHub names for a schedule only edited it last; main is reviewed. */
export function askedBy(run: Run): string[] {
  return run.event === "schedule" ? [] : [run.actor.login, run.triggering_actor.login];
}

/** One of each list, all different; undefined when there is no such choice. */
function distinct(lists: string[][], taken: string[] = []): string[] | undefined {
  const [first, ...rest] = lists;
  if (!first) return taken;
  for (const login of first) {
    if (taken.some((other) => same(other, login))) continue;
    const whole = distinct(rest, [...taken, login]);
    if (whole) return whole;
  }
  return undefined;
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
