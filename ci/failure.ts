// Tells people how a workflow ended: Slack, PagerDuty and one issue while it fails, and all clear when it works again.
//   ci/failure.ts        NEEDS: the `needs` of the job as JSON
// One failure that lasts is one issue (a comment for each further run) and one incident (the same dedup key). A channel
// that the run itself has told of its failure is not told again (the job's output `told`, see told.ts).
import { request } from "../provider/vendors/http.ts";
import { post } from "../provider/vendors/slack.ts";
import { CiError, readContext, script, type Context } from "./context.ts";
import { Repository, type Issue } from "./github.ts";

const label = "secret-rotation";

interface Need {
  result: string;
  outputs?: Record<string, string>;
}

export interface Trouble {
  /** Names of the jobs that failed or were cut off. */
  jobs: string[];
  /** What they said; never a value. */
  said: string;
  /** Channels that know of all of it from the runs themselves. */
  told: string[];
}

/** @returns undefined when every job ended well or had nothing to do */
export function trouble(needs: Record<string, Need>): Trouble | undefined {
  const bad = Object.entries(needs).filter(([, { result }]) => result === "failure" || result === "cancelled");
  if (bad.length === 0) return undefined;
  const said = bad.map(([name, { result, outputs }]) => {
    const reason = outputs?.["failed"] ?? "";
    return (
      reason ||
      `The job "${name}" was ${result === "cancelled" ? "cancelled, or ran out of time" : "ended by an error; its log says which"}.`
    );
  });
  const told = bad.map(([, { outputs }]) => (outputs?.["told"] ?? "").split(",").map((each) => each.trim()));
  const all = (told[0] ?? []).filter((channel) => channel !== "" && told.every((each) => each.includes(channel)));
  return { jobs: bad.map(([name]) => name), said: said.join("\n"), told: all };
}

const steps: [pattern: RegExp, next: string][] = [
  [
    /may not rotate production/,
    "Start the workflow again by hand and have two others approve it. Nothing was rotated; what is due stays due.",
  ],
  [
    /generation \d+ is below the remembered/,
    "Merge the open pull request that keeps the last request (branch `rotation/...`), then run the workflow again.",
  ],
  [
    /currently locked by/,
    "See whether that run still lives. If it does, wait for it; if not: `pulumi cancel --stack <stack>`, then run the workflow again.",
  ],
  [/would replace/, "Revert the change of name, repository or service, and declare the new place beside the old one."],
  [/Vault .*(sealed|not initialised)/, "Unseal Vault, then run the workflow again."],
  [
    /log in to the role|identity to show to Vault/,
    "Compare the bound claims of Vault's role with the workflow and the environment (docs/ci.md, Vault).",
  ],
  [/answered 40[13]/, "Renew the token that the message names, in Vault's entry for CI, then run the workflow again."],
  [
    /proof|health|verif/i,
    "Look at the consumer that the message names: it has not taken up the new value. The old one is still accepted. Mend it, then run the workflow again; it goes on from there.",
  ],
];

/** What a person does next. */
export function nextStep(said: string): string {
  return (
    steps.find(([pattern]) => pattern.test(said))?.[1] ??
    "Read the log of the run, mend what it says, and run the workflow again: it goes on from where it stopped, and what was in use stays valid."
  );
}

/** @returns what could not be told, in words; empty when everybody knows */
export async function tell(context: Context, found: Trouble | undefined, env: NodeJS.ProcessEnv): Promise<string[]> {
  const { workflow, runUrl } = context;
  const title = `Secret rotation: ${workflow} failed`;
  const told = await Promise.allSettled([
    issue(new Repository(context), context, title, found),
    found?.told.includes("pagerduty") ? undefined : pagerduty(context, title, found, env),
    found && env["SLACK_WEBHOOK_URL"] && !found.told.includes("slack")
      ? post(env["SLACK_WEBHOOK_URL"], `${title}\n${found.said}\nNext: ${nextStep(found.said)}\n${runUrl}`).then(
          (why) => {
            if (why) throw new CiError(why);
          },
        )
      : undefined,
  ]);
  return told.flatMap((result) => (result.status === "rejected" ? [(result.reason as Error).message] : []));
}

async function issue(
  repository: Repository,
  context: Context,
  title: string,
  found: Trouble | undefined,
): Promise<void> {
  const marker = `<!-- secret-rotation:failure:${context.workflow} -->`;
  const open = await repository.list<Issue>(`/issues?state=open&labels=${label}`, "list open issues");
  const mine = open.find(({ body }) => body?.startsWith(marker));
  if (!found) {
    if (!mine) return;
    await repository.call("POST", `/issues/${mine.number}/comments`, `comment on #${mine.number}`, {
      body: { body: `It works again: [run](${context.runUrl}).` },
    });
    await repository.call("PATCH", `/issues/${mine.number}`, `close #${mine.number}`, {
      body: { state: "closed", state_reason: "completed" },
    });
    return;
  }
  const text = [
    `Jobs: ${found.jobs.join(", ")} ([run](${context.runUrl}))`,
    "",
    "```",
    found.said.replaceAll("```", "'''").slice(0, 6000),
    "```",
    "",
    `**Next step.** ${nextStep(found.said)}`,
  ].join("\n");
  if (mine)
    await repository.call("POST", `/issues/${mine.number}/comments`, `comment on #${mine.number}`, {
      body: { body: `It failed again.\n\n${text}` },
    });
  else
    await repository.call("POST", "/issues", "open an issue", {
      body: { title, labels: [label], body: `${marker}\n${text}` },
    });
}

async function pagerduty(
  context: Context,
  title: string,
  found: Trouble | undefined,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const key = env["PAGERDUTY_ROUTING_KEY"];
  if (!key) return;
  const event = found
    ? {
        event_action: "trigger",
        payload: {
          summary: `${title}: ${found.said.split("\n")[0] ?? ""}`.slice(0, 1024),
          source: context.repository,
          severity: "error",
          component: context.workflow,
          custom_details: { jobs: found.jobs.join(", "), next: nextStep(found.said) },
        },
        links: [{ href: context.runUrl, text: "Run" }],
      }
    : { event_action: "resolve" };
  await request(
    {
      name: "PagerDuty",
      baseUrl: env["PAGERDUTY_EVENTS_URL"] ?? "https://events.pagerduty.com",
      headers: {},
      tokenName: "PAGERDUTY_ROUTING_KEY",
      patienceSeconds: 60,
    },
    {
      method: "POST",
      path: "/v2/enqueue",
      body: { routing_key: key, dedup_key: `secret-rotation/${context.repository}/${context.workflow}`, ...event },
      purpose: "raise or end an alert",
      // The dedup key makes it safe to send again.
      repeatable: true,
    },
  );
}

async function main(): Promise<void> {
  const { env } = process;
  const needs = JSON.parse(env["NEEDS"] ?? "{}") as Record<string, Need>;
  const found = trouble(needs);
  const untold = await tell(readContext(env), found, env);
  if (untold.length) throw new CiError(`Not everybody was told:\n${untold.join("\n")}`);
  process.stdout.write(found ? `Told about: ${found.jobs.join(", ")}\n` : "Nothing failed.\n");
}

if (import.meta.main) await script(main);
