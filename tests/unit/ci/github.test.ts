// What CI tells people, against the simulators of GitHub, Slack and PagerDuty.
import assert from "node:assert/strict";
import { putComment } from "../../../ci/comment.ts";
import type { Context } from "../../../ci/context.ts";
import { tell } from "../../../ci/failure.ts";
import { Repository } from "../../../ci/github.ts";
import { unknownSecrets } from "../../../ci/unknown-secrets.ts";
import { GithubSimulator } from "../../../sandbox/simulators/github.ts";
import { PagerdutySimulator } from "../../../sandbox/simulators/pagerduty.ts";
import { SlackSimulator } from "../../../sandbox/simulators/slack.ts";
import { caller } from "../simulators/support.ts";

describe("what CI tells people", () => {
  const repositories = [{ owner: "acme", name: "app" }];
  let github: GithubSimulator;
  let slack: SlackSimulator;
  let pagerduty: PagerdutySimulator;
  let context: Context;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    github = await new GithubSimulator({ token: "t", repositories, limitScale: 1000 }).start();
    slack = await new SlackSimulator({}).start();
    pagerduty = await new PagerdutySimulator({}).start();
    const run = { runId: 1, attempt: 1, event: "schedule", by: "x", workflow: "rotate" };
    const urls = { serverUrl: "https://github.test", runUrl: "https://github.test/runs/1" };
    context = { ...run, ...urls, repository: "acme/app", apiUrl: `${github.url}/api/v3`, token: "t" };
    env = {
      SLACK_WEBHOOK_URL: slack.webhookUrl(),
      PAGERDUTY_ROUTING_KEY: pagerduty.routingKey,
      PAGERDUTY_EVENTS_URL: pagerduty.url,
    };
  });
  afterEach(() => Promise.all([github.stop(), slack.stop(), pagerduty.stop()]));

  it("makes one comment, finds it behind a hundred others, and edits it", async () => {
    const pull = github.openPull("acme", "app", "Change");
    const repository = new Repository(context);
    for (let at = 0; at < 101; at++)
      await repository.call("POST", `/issues/${pull}/comments`, "talk", { body: { body: `chat ${at}` } });
    assert.equal(await putComment(repository, pull, "plan", "one"), "created");
    assert.equal(await putComment(repository, pull, "plan", "one"), "unchanged");
    assert.equal(await putComment(repository, pull, "plan", "x".repeat(70_000)), "edited");
    const mine = github.contents("acme", "app").comments.filter(({ body }) => body.includes("secret-rotation:plan"));
    assert.equal(mine.length, 1);
    assert.ok((mine[0]?.body.length ?? 0) <= 65_536);
  });

  it("opens one issue, one incident, and closes both", async () => {
    const found = { jobs: ["production"], said: "the stack is currently locked by 1 lock", told: [] };
    assert.deepEqual(await tell(context, found, env), []);
    assert.deepEqual(await tell(context, found, env), []);
    const { issues, comments } = github.contents("acme", "app");
    assert.deepEqual([issues.length, comments.length], [1, 1]);
    assert.match(issues[0]?.body ?? "", /\*\*Next step\.\*\* See whether that run still lives/);
    assert.deepEqual(pagerduty.open, ["secret-rotation/acme/app/rotate"]);
    assert.equal(slack.messages.length, 2);
    assert.ok(!JSON.stringify([pagerduty.events, issues]).includes(pagerduty.routingKey));

    assert.deepEqual(await tell(context, undefined, env), []);
    assert.deepEqual([github.contents("acme", "app").issues[0]?.state, pagerduty.open], ["closed", []]);
    assert.equal(slack.messages.length, 2, "all clear needs no message");
  });

  it("tells the others when one cannot be told, and says who was not", async () => {
    slack.revokeWebhook("T00000000", "B00000000");
    assert.deepEqual(await tell(context, { jobs: ["a"], said: "why", told: [] }, env), ["Slack answered 404"]);
    assert.equal(github.contents("acme", "app").issues.length, 1);
    assert.equal(pagerduty.open.length, 1);
  });

  it("tells no channel twice that the run itself has told; the issue is opened all the same", async () => {
    const found = { jobs: ["production"], said: "why", told: ["slack", "pagerduty"] };
    assert.deepEqual(await tell(context, found, env), []);
    assert.deepEqual([slack.messages.length, pagerduty.events.length], [0, 0]);
    assert.equal(github.contents("acme", "app").issues.length, 1);
    assert.deepEqual(await tell(context, { ...found, told: ["pagerduty"] }, env), []);
    assert.deepEqual([slack.messages.length, pagerduty.events.length], [1, 0]);
  });

  it("lists secrets at GitHub that the stack does not know, by name only", async () => {
    const state = {
      pending: [],
      resources: [
        {
          urn: "urn:pulumi:s::p::github:index/actionsSecret:ActionsSecret::a/KNOWN/github",
          type: "github:index/actionsSecret:ActionsSecret",
          inputs: { repository: "app", secretName: "KNOWN" },
        },
      ],
    };
    const own = { GITHUB_BASE_URL: github.url, GITHUB_OWNER: "acme", GITHUB_TOKEN: "t" };
    assert.deepEqual(await unknownSecrets(state, own, []), []);
  });

  it("is refused by PagerDuty as PagerDuty refuses", async () => {
    const enqueue = (body: unknown) => caller(pagerduty.url)("POST", "/v2/enqueue", body);
    const bad = await enqueue({
      routing_key: "short",
      event_action: "trigger",
      payload: { summary: "s", severity: "bad" },
    });
    assert.equal(bad.status, 400);
    assert.deepEqual(bad.body.errors, [
      "Length of 'routing_key' is incorrect (should be 32 characters)",
      "'payload.source' is missing or blank",
      "'payload.severity' is missing or invalid",
    ]);
    const key = pagerduty.routingKey;
    const good = {
      routing_key: key,
      event_action: "trigger",
      payload: { summary: "s", source: "x", severity: "info" },
    };
    const made = await enqueue(good);
    assert.deepEqual([made.status, pagerduty.open.length], [202, 1]);
    assert.equal((await enqueue({ ...good, routing_key: "0".repeat(32) })).status, 202, "an unknown key alerts nobody");
    assert.equal(pagerduty.open.length, 1);
  });
});
