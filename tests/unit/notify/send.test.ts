import assert from "node:assert/strict";
import { blocks, plain, type Line } from "../../../provider/notify/message.ts";
import { linesFor, readRoutes } from "../../../provider/notify/routes.ts";
import { send } from "../../../provider/notify/send.ts";
import { PagerdutySimulator } from "../../../sandbox/simulators/pagerduty.ts";
import { SlackSimulator } from "../../../sandbox/simulators/slack.ts";
import { Mailbox } from "../../support/mailbox.ts";

const line = (kind: Line["kind"], name: string, level = "HIGH", environment = "production"): Line => ({
  kind,
  secret: `visapi/${name}`,
  class: level,
  environment,
  text: `visapi/${name} (${environment})`,
});

describe("what people are told", () => {
  it("is one message, the gravest first, each line once", () => {
    const text = plain([line("after", "A"), line("failed", "B"), line("after", "A"), line("after", "C")]);
    assert.equal(
      text,
      [
        "Secret rotation: FAILED, what was in use stays valid",
        "• visapi/B (production)",
        "",
        "Secret rotation: done and verified",
        "• visapi/A (production)",
        "• visapi/C (production)",
      ].join("\n"),
    );
  });

  it("stays within Slack's bounds, and says how many it left out", () => {
    const many = Array.from({ length: 5000 }, (_, at) => line("after", `SECRET_${at}_${"x".repeat(40)}`));
    const made = blocks([{ ...line("failed", "A"), text: `<!channel> & ${"y".repeat(5000)}` }, ...many]);
    assert.ok(made.length <= 50);
    for (const block of made) if (block.type === "section") assert.ok(block.text.text.length <= 3000);
    assert.equal(made[0]?.type, "header");
    assert.match(JSON.stringify(made), /&lt;!channel&gt; &amp; y/);
    assert.match(JSON.stringify(made.at(-1)), /5000.*and \d+ more: rotate status/);
  });

  it("goes by class and environment", () => {
    const routes = readRoutes(
      '[{"to":"slack","classes":["CRITICAL"]},{"to":"slack","environments":["staging"]},{"to":"email","kinds":["failed"]}]',
    );
    const lines = [
      line("after", "A", "CRITICAL"),
      line("after", "B", "LOW"),
      line("failed", "C", "LOW", "staging"),
      line("failed", "D", ""),
    ];
    const names = (channel: "slack" | "email"): string[] =>
      linesFor(channel, routes, lines).map(({ secret }) => secret);
    assert.deepEqual(names("slack"), ["visapi/A", "visapi/C", "visapi/D"]);
    assert.deepEqual(names("email"), ["visapi/C", "visapi/D"]);
  });

  const wrong: [setting: string, said: RegExp][] = [
    ["{", /rotation:notify is no JSON; type for instance: pulumi config set rotation:notify/],
    ['{"to":"slack"}', /is no list of routes/],
    ['[{"to":"teams"}]', /a route to "teams"; there are slack, pagerduty, email/],
    ['[{"to":"slack","class":["LOW"]}]', /has "class"; a route has to, kinds, classes, environments/],
    ['[{"to":"slack","classes":["low"]}]', /has classes "low"; give a list of CRITICAL, HIGH, MEDIUM, LOW/],
    ['[{"to":"slack","kinds":"failed"}]', /has kinds/],
  ];
  for (const [setting, said] of wrong) it(`refuses ${setting}`, () => assert.throws(() => readRoutes(setting), said));
});

describe("the channels", () => {
  let slack: SlackSimulator;
  let pagerduty: PagerdutySimulator;
  let mailbox: Mailbox;
  let contacts: Parameters<typeof send>[0];

  before(async () => {
    slack = await new SlackSimulator({}).start();
    pagerduty = await new PagerdutySimulator({}).start();
    mailbox = await Mailbox.start("smtp-p4ss");
    contacts = {
      slackWebhookUrl: slack.webhookUrl(),
      pagerdutyRoutingKey: pagerduty.routingKey,
      pagerdutyUrl: pagerduty.url,
      smtpUrl: mailbox.url,
      mailFrom: "rotation@visanet.com",
      mailTo: "operations@visanet.com, security@visanet.com",
    };
  });
  after(async () => {
    await Promise.all([slack.stop(), pagerduty.stop()]);
    mailbox.stop();
  });

  it("each get one message of a run that failed: blocks, an alert with severity, a mail", async () => {
    const lines = [
      line("failed", "JWT_SECRET", "MEDIUM"),
      line("failed", "DATABASE_URL", "CRITICAL"),
      line("after", "A"),
    ];
    assert.deepEqual(await send(contacts, "production", lines), []);
    assert.equal(slack.messages.length, 1);
    const payload = slack.messages[0]?.payload as { text: string; blocks: { type: string }[] };
    assert.match(payload.text, /^Secret rotation: FAILED/);
    assert.deepEqual(
      payload.blocks.map(({ type }) => type),
      ["header", "section", "section", "context"],
    );
    assert.equal(pagerduty.events.length, 1);
    const [event] = pagerduty.events;
    assert.equal(event?.dedupKey, "secret-rotation/production/failed");
    assert.equal((event?.payload["payload"] as { severity: string }).severity, "critical");
    assert.deepEqual(mailbox.mails[0]?.to, ["operations@visanet.com", "security@visanet.com"]);
    assert.match(
      mailbox.mails[0]?.text ?? "",
      /^Subject: Secret rotation: FAILED, what was in use stays valid \(production\)/m,
    );
  });

  it("have one alert while it lasts, and it ends when a run finishes", async () => {
    await send(contacts, "production", [line("failed", "JWT_SECRET")]);
    assert.deepEqual(pagerduty.open, ["secret-rotation/production/failed"]);
    await send(contacts, "production", [line("before", "JWT_SECRET")]);
    assert.deepEqual(pagerduty.open, ["secret-rotation/production/failed"], "a start ends nothing");
    await send(contacts, "production", [line("after", "JWT_SECRET")]);
    assert.deepEqual(pagerduty.open, []);
    const before = pagerduty.events.length;
    await send(contacts, "staging", [line("failed", "JWT_SECRET", "CRITICAL", "staging")]);
    assert.equal(pagerduty.events.length, before, "nobody is woken for staging");
  });

  it("have one alert for each secret that is overdue, and it ends with that secret's rotation alone", async () => {
    const key = (name: string): string => `secret-rotation/production/overdue/visapi/${name}`;
    await send(contacts, "production", [
      line("overdue", "STRIPE_KEY", "CRITICAL"),
      line("overdue", "SENTRY_DSN", "LOW"),
    ]);
    assert.deepEqual(pagerduty.open, [key("STRIPE_KEY"), key("SENTRY_DSN")]);
    const severities = pagerduty.events
      .slice(-2)
      .map(({ payload }) => (payload["payload"] as { severity: string }).severity);
    assert.deepEqual(severities, ["critical", "info"]);
    await send(contacts, "production", [line("after", "JWT_SECRET")]);
    assert.deepEqual(pagerduty.open, [key("STRIPE_KEY"), key("SENTRY_DSN")], "another secret's rotation ends nothing");
    await send(contacts, "production", [line("after", "STRIPE_KEY")], { ended: ["visapi/STRIPE_KEY"] });
    assert.deepEqual(pagerduty.open, [key("SENTRY_DSN")]);
    await send(contacts, "production", [line("after", "SENTRY_DSN")], { ended: ["visapi/SENTRY_DSN"] });
    assert.deepEqual(pagerduty.open, []);
  });

  it("that took their lines are heard of, and no others", async () => {
    const told: string[] = [];
    const hear = { told: (channel: string) => void told.push(channel) };
    const broken = { ...contacts, slackWebhookUrl: "http://127.0.0.1:1/services/T0/B0/hook" };
    await send(broken, "production", [line("failed", "JWT_SECRET")], hear);
    assert.deepEqual(told.sort(), ["email", "pagerduty"]);
    await send(contacts, "production", [line("after", "JWT_SECRET")], hear);
    assert.deepEqual(pagerduty.open, []);
  });

  it("that do not work are named, without what is secret in their addresses, and stop nobody else", async () => {
    const broken = {
      ...contacts,
      slackWebhookUrl: "http://127.0.0.1:1/services/T0/B0/hook-s3cret",
      smtpUrl: mailbox.url.replace("smtp-p4ss", "wrong-p4ss"),
    };
    const before = pagerduty.events.length;
    const said = await send(broken, "production", [line("failed", "JWT_SECRET")]);
    assert.deepEqual(said, ["Slack gave no answer in 4 s", "the mail server did not take it (535)"]);
    assert.equal(pagerduty.events.length, before + 1);
  });
});
