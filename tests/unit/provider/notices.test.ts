import assert from "node:assert/strict";
import { join } from "node:path";
import { execa } from "execa";
import { listenForTold } from "../../../ci/told.ts";
import { Notices } from "../../../provider/notices.ts";
import { notice } from "../../../provider/resources/notice.ts";
import { precheck } from "../../../provider/resources/precheck.ts";
import { verification } from "../../../provider/resources/verification.ts";
import { Settings } from "../../../provider/settings.ts";
import type { Properties, Resource } from "../../../provider/wire/contract.ts";
import { PagerdutySimulator } from "../../../sandbox/simulators/pagerduty.ts";
import { SlackSimulator } from "../../../sandbox/simulators/slack.ts";

const log = { info: () => undefined, warn: () => undefined };
const urn = (type: string, name: string): string => `urn:pulumi:staging::secret-rotation::${type}::${name}`;

describe("notices of one run", () => {
  let slack: SlackSimulator;
  let notices: Notices;
  /** What speaks: of a beginning, of an end, and of what a person must fetch. */
  let speakers: Record<"before" | "after" | "due", Resource>;
  let schedule: Resource;
  const warnings: string[] = [];
  const texts = (): string[] => slack.messages.map(({ payload }) => String(payload["text"]));

  beforeEach(async () => {
    slack = await new SlackSimulator({}).start();
    const settings = new Settings();
    settings.configure({ slackWebhookUrl: slack.webhookUrl(), now: "2027-03-01T03:00:00Z" });
    notices = new Notices(settings);
    listen(settings);
    // A schedule, as far as notices look at one: its inputs are what it decided.
    schedule = notices.of({
      token: "rotation:index:Schedule",
      check: ({ inputs }) => ({ inputs }),
      create: async () => ({ id: "", outputs: {} }),
    });
    warnings.length = 0;
  });
  afterEach(() => slack.stop());

  function listen(settings: Settings): void {
    speakers = {
      before: notices.of(precheck(() => settings.vault(), notices)),
      after: notices.of(verification(notices)),
      due: notices.of(notice(notices, () => settings.now())),
    };
  }
  async function decided(secret: string, window: string, before?: string): Promise<void> {
    const inputs = { secret, class: "HIGH", window, generation: 1 };
    const oldInputs = before === undefined ? undefined : { ...inputs, window: before };
    const name = `${secret}/schedule`;
    await schedule.check?.({ urn: urn(schedule.token, name), name, log, inputs, oldInputs });
  }
  const say = async (
    phase: keyof typeof speakers,
    secret: string,
    more: Properties = {},
    preview = false,
  ): Promise<void> => {
    const resource = speakers[phase];
    const name = `${secret}/${phase}`;
    const warn = (message: string): void => void warnings.push(message);
    const inputs = { secret, environment: "staging", window: "w", forced: 1, dueAt: "2027-04-01", ...more };
    await resource.create({ urn: urn(resource.token, name), name, log: { ...log, warn }, inputs, preview, timeout: 0 });
  };

  it("begin with one message that names whatever is going to rotate, whenever its own turn comes", async () => {
    await decided("visapi/A", "2027-03-01", "2027-02-01");
    await decided("visapi/B", "2027-03-01", "2027-02-01");
    await decided("visapi/IDLE", "2027-02-01", "2027-02-01");
    await say("before", "visapi/A");
    assert.deepEqual(texts(), ["Secret rotation: starting\n• visapi/A (staging)\n• visapi/B (staging)"]);
    await say("before", "visapi/B");
    assert.equal(slack.messages.length, 1);
  });

  it("end with one message, the failures first, once nothing is under way", async () => {
    await say("after", "visapi/A");
    notices.failed(urn("x", "visapi/B/verification"), "visapi/B is not proven in use");
    await say("due", "visapi/C", { stage: "overdue" });
    assert.deepEqual(texts(), []);
    await notices.flush(false);
    assert.equal(slack.messages.length, 1);
    assert.deepEqual(
      texts()[0]
        ?.split("\n")
        .filter((line) => line !== ""),
      [
        "Secret rotation: FAILED, what was in use stays valid",
        "• visapi/B/verification: visapi/B is not proven in use",
        "Secret rotation: OVERDUE, a person is needed",
        "• visapi/C (staging) was due on 2027-04-01: rotate hand-over C",
        "Secret rotation: done and verified",
        "• visapi/A (staging), next due 2027-04-01",
      ],
    );
    await notices.flush(true);
    assert.equal(slack.messages.length, 1, "nothing is said twice");
  });

  it("end what was overdue of a secret that a person has brought, once its value is proven and not before", async () => {
    const pagerduty = await new PagerdutySimulator({}).start();
    try {
      const settings = new Settings();
      const { url: pagerdutyUrl, routingKey: pagerdutyRoutingKey } = pagerduty;
      settings.configure({
        pagerdutyUrl,
        pagerdutyRoutingKey,
        notify: '[{"to":"pagerduty"}]',
        now: "2027-05-01T03:00:00Z",
      });
      const run = async (kind: "due" | "failed" | "after", dueAt: string): Promise<void> => {
        notices = new Notices(settings);
        listen(settings);
        const resource = speakers.due;
        const name = "visapi/C/notice-due";
        const inputs = { secret: "visapi/C", environment: "staging", window: "w", forced: 1, dueAt };
        const checked = await resource.check?.({
          urn: urn(resource.token, name),
          name,
          log,
          inputs,
          oldInputs: undefined,
        });
        if (kind === "due") await say("due", "visapi/C", checked?.inputs);
        if (kind === "failed") notices.failed(urn("x", "visapi/C/verification"), "visapi/C is not proven in use");
        if (kind === "after") await say("after", "visapi/C");
        await notices.flush(true);
      };
      const [overdue, failed] = ["secret-rotation/staging/overdue/visapi/C", "secret-rotation/staging/failed"];
      await run("due", "2027-04-01T00:00:00Z");
      assert.deepEqual(pagerduty.open, [overdue]);
      await run("failed", "2027-07-01T00:00:00Z");
      assert.deepEqual(pagerduty.open, [overdue, failed]);
      await run("after", "2027-07-01T00:00:00Z");
      assert.deepEqual(pagerduty.open, []);
    } finally {
      await pagerduty.stop();
    }
  });

  it("speak of an end once: not of another look at the same rotation, and of a return as one", async () => {
    const inputs = {
      ...{ secret: "visapi/A", environment: "staging", window: "w", forced: 1, dueAt: "2027-04-01", holds: true },
      ...{ value: "v", fingerprint: "f", restored: "" },
    };
    const step = (oldInputs: Properties, more: Properties) => {
      const [name, outputs] = ["visapi/A/verification", {}];
      const request = { urn: urn(speakers.after.token, name), name, id: "visapi/A", log, timeout: 0, preview: false };
      return speakers.after.update?.({ ...request, oldInputs, oldOutputs: outputs, inputs: { ...oldInputs, ...more } });
    };
    await step(inputs, { holds: false });
    await notices.flush(true);
    assert.deepEqual(texts(), []);
    await step(inputs, { restored: "generation 1 by bob at 2027-03-01", fingerprint: "g" });
    await step(inputs, { window: "x", fingerprint: "h" });
    await notices.flush(true);
    assert.deepEqual(texts(), [
      "Secret rotation: went back to an earlier value\n• visapi/A (staging), generation 1 by bob at 2027-03-01\n\nSecret rotation: done and verified\n• visapi/A (staging), next due 2027-04-01",
    ]);
  });

  it("let CI hear who knows of a failure, and of nothing else; the message says where the log is", async () => {
    const job = { GITHUB_SERVER_URL: "https://github.test", GITHUB_REPOSITORY: "acme/app", GITHUB_RUN_ID: "7" };
    const before = { ...process.env };
    const run = async (happens: () => Promise<void> | void): Promise<string[]> => {
      const told = listenForTold();
      Object.assign(process.env, job, told.env);
      try {
        await happens();
        await notices.flush(true);
        return told.channels();
      } finally {
        process.env = { ...before };
      }
    };
    const fails = (): void => notices.failed(urn("x", "visapi/B/verification"), "visapi/B is not proven in use");
    assert.deepEqual(await run(() => say("after", "visapi/A")), []);
    assert.deepEqual(await run(fails), ["slack"]);
    assert.match(
      texts().at(-1) ?? "",
      /not proven in use\n• the log: https:\/\/github\.test\/acme\/app\/actions\/runs\/7$/,
    );
    slack.revokeWebhook("T00000000", "B00000000");
    assert.deepEqual(await run(fails), [], "a message that was not taken is told by CI");
  });

  it("wait for a step that goes on when a person interrupts the run", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = notices.of({
      token: "rotation:render:Deploy",
      create: async () => (await promise, { id: "1", outputs: {} }),
    });
    const deploying = slow.create({
      urn: urn("d", "visapi/A/rollout-api"),
      name: "",
      log,
      inputs: {},
      preview: false,
      timeout: 0,
    });
    await say("after", "visapi/B");
    await notices.flush(false);
    assert.deepEqual(texts(), []);
    resolve();
    await deploying;
    await notices.flush(true);
    assert.equal(slack.messages.length, 1);
  });

  it("end with what was cut off when the engine is killed", async () => {
    const path = (name: string): string => JSON.stringify(join(import.meta.dirname, "../../../provider", name));
    // In a process of its own: it stands still while its last words are sent.
    const program = `
      import { Notices } from ${path("notices.ts")};
      import { Settings } from ${path("settings.ts")};
      const settings = new Settings();
      settings.configure({});
      const notices = new Notices(settings);
      await notices.say("before", "visapi/A", "staging", "visapi/A (staging)");
      await notices.say("before", "visapi/B", "staging", "visapi/B (staging)");
      await notices.say("after", "visapi/A", "staging", "visapi/A (staging)");
      notices.gone();`;
    await execa(process.execPath, ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", program], {
      env: { SLACK_WEBHOOK_URL: slack.webhookUrl() },
    });
    assert.deepEqual(texts().slice(1), [
      "Secret rotation: FAILED, what was in use stays valid\n• visapi/B: the run was killed before it got to the end. Run again: it goes on from where it stopped.\n\nSecret rotation: done and verified\n• visapi/A (staging)",
    ]);
  });

  it("say nothing in a preview or of a run that did nothing, and warn of a channel that is broken", async () => {
    await say("before", "visapi/A", {}, true);
    await notices.flush(true);
    assert.deepEqual(texts(), []);
    slack.revokeWebhook("T00000000", "B00000000");
    await say("before", "visapi/A");
    await say("after", "visapi/A");
    assert.equal(warnings.length, 2);
    assert.match(
      warnings[0] ?? "",
      /^The notice about visapi\/A could not be sent: Slack answered 40[34]. The rotation goes on.$/,
    );
  });
});
