// What operators see of a real stack: two messages a run at most, the metrics and the page. By what arrives at the
// channels and what the commands write.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReportData } from "../../report/data.ts";
import { configFile } from "../../sandbox/stack.ts";
import { Mailbox } from "../support/mailbox.ts";
import { Typist, type Typed } from "../support/type.ts";
import { World, type Run } from "../support/world.ts";

const secrets = ["visapi/JWT_SECRET", "visapi/SESSION_SECRET", "visapi/CRON_SECRET", "visapi/API_KEY_PREFIX"];

const mailPassword = "smtp-p4ssw0rd-of-the-operators";

describe("what operators see, on the real engine", () => {
  let world: World;
  let typist: Typist;
  let mailbox: Mailbox;
  /** Wakes people for the sandbox too; keeps a trail in a file. */
  const env: Record<string, string> = {
    ROTATION_NOTIFY: JSON.stringify([
      { to: "slack" },
      { to: "pagerduty", kinds: ["failed"], classes: ["HIGH"] },
      { to: "email", kinds: ["failed"] },
    ]),
    ROTATION_AUDIT_KEY: generateKeyPairSync("ed25519")
      .privateKey.export({ format: "der", type: "pkcs8" })
      .toString("base64"),
  };
  const trail = (): string => join(world.dir, "audit", "trail.jsonl");
  const unhealthy = (): string => join(world.dir, "unhealthy");
  /** The texts that a run sent to Slack. */
  const told = async (run: () => Promise<Run>): Promise<{ ran: Run; texts: string[] }> => {
    const before = world.sandbox.simulators.slack.messages.length;
    const ran = await run();
    const messages = world.sandbox.simulators.slack.messages.slice(before);
    for (const { payload } of messages) assert.ok(Array.isArray(payload["blocks"]), "every message has blocks");
    return { ran, texts: messages.map(({ payload }) => String(payload["text"])) };
  };

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "signing";
    typist = new Typist(world);
    const config = readFileSync(configFile(world.dir), "utf8");
    assert.match(config, /rotation:audit: vault\n/);
    writeFileSync(configFile(world.dir), config.replace("rotation:audit: vault", `rotation:audit: file:${trail()}`));
    mailbox = await Mailbox.start(mailPassword);
    Object.assign(env, {
      ROTATION_SMTP_URL: mailbox.url,
      ROTATION_MAIL_FROM: "rotation@visanet.app",
      ROTATION_MAIL_TO: "operations@visanet.app",
    });
    await world.setRenderVariable("SIMULATE_UNHEALTHY_FILE", unhealthy());
  });
  after(async () => {
    mailbox?.stop();
    await world?.stop();
  });

  it("one message before and one after a run of every secret", async () => {
    const { ran, texts } = await told(() => world.up({ env }));
    assert.equal(ran.code, 0, ran.output);
    assert.equal(texts.length, 2, texts.join("\n---\n"));
    const [before = "", after = ""] = texts;
    assert.match(before, /^Secret rotation: starting\n/);
    assert.match(after, /^Secret rotation: done and verified\n/);
    for (const secret of secrets)
      for (const text of texts)
        assert.equal(text.split(`${secret} (sandbox)`).length, 2, `${secret} once in:\n${text}`);
  });

  it("none of a run that changes nothing", async () => {
    const { ran, texts } = await told(() => world.up({ now: world.later(0, 0.1), env }));
    assert.equal(ran.code, 0, ran.output);
    assert.deepEqual(texts, []);
  });

  it("a targeted run that fails: one message at its end, one alert, and an end of the alert when it is mended", async () => {
    const { pagerduty } = world.sandbox.simulators;
    world.now = world.later(45);
    const target = ["--target", "**::visapi/JWT_SECRET/**"];
    const stop = world.sandbox.simulators.effects.subscribe(({ kind }) => {
      if (kind === "env-var.put") writeFileSync(unhealthy(), "");
    });
    const failed = await told(() => world.up({ args: target, env }));
    stop();
    assert.notEqual(failed.ran.code, 0);
    assert.deepEqual(
      failed.texts.map((text) => text.split("\n")[0]),
      ["Secret rotation: starting", "Secret rotation: FAILED, what was in use stays valid"],
    );
    assert.match(
      failed.texts[1] ?? "",
      /visapi\/JWT_SECRET\/verification: visapi\/JWT_SECRET is handed out but not proven/,
    );
    assert.deepEqual(pagerduty.open, ["secret-rotation/sandbox/failed"]);
    assert.deepEqual(
      mailbox.mails.map(({ to }) => to),
      [["operations@visanet.app"]],
    );
    assert.match(mailbox.mails[0]?.text ?? "", /FAILED[^]*visapi\/JWT_SECRET/);
    const event = pagerduty.events.findLast(({ action }) => action === "trigger");
    assert.equal((event?.payload["payload"] as { severity: string }).severity, "error");
    const metrics = await typist.type(world.now, ["metrics"], { env });
    assert.match(
      metrics.out,
      /^rotation_secret_last_result\{stack="sandbox",secret="visapi\/JWT_SECRET",class="HIGH"\} 0$/m,
    );
    assert.match(metrics.out, /^rotation_run_last_result\{stack="sandbox"\} 0$/m);

    rmSync(unhealthy());
    const mended = await told(() => world.up({ now: world.later(0, 0.1), args: target, env }));
    assert.equal(mended.ran.code, 0, mended.ran.output);
    assert.equal(mailbox.mails.length, 1, "a mail is for what failed");
    assert.match(mended.texts.join("\n"), /^Secret rotation: done and verified\n• visapi\/JWT_SECRET \(sandbox\)/m);
    assert.deepEqual(pagerduty.open, []);
  });

  it("a notifier that is broken stops nothing, and says so", async () => {
    const { slack } = world.sandbox.simulators;
    slack.revokeWebhook("T00000000", "B00000000");
    mailbox.stop();
    const before = await world.inventory();
    const { ran, texts } = await told(() => world.up({ now: world.later(0, 0.2), env }));
    assert.equal(ran.code, 0, ran.output);
    assert.deepEqual(texts, []);
    assert.match(
      ran.output,
      /The notice about visapi\/\w+ could not be sent: Slack answered 404. The rotation goes on/,
    );
    const after = await world.inventory();
    assert.ok([...after].some(([name, { generation }]) => generation > (before.get(name)?.generation ?? 0)));
  });

  it("the page and the metrics agree with the stack, and hold no value", async () => {
    const now = world.later(0, 0.3);
    const file = join(world.dir, "report.html");
    const made = await typist.type(now, ["report", "--out", file], { env });
    assert.equal(made.code, 0, made.said);
    assert.equal(made.out.trim(), file);
    const data = JSON.parse((await typist.type(now, ["report", "--json"], { env })).out) as ReportData;
    const rows = await world.inventory();
    assert.deepEqual(data.secrets.map(({ secret }) => secret).sort(), [...rows.keys()].sort());
    const lives = data.generations.filter(({ secret }) => secret === "visapi/JWT_SECRET");
    assert.deepEqual(
      lives.map(({ generation, until }) => [generation, until !== ""]),
      [
        [1, true],
        [2, false],
      ],
    );
    assert.ok(lives[0]?.accepted, "the first one's grace period is known");
    assert.ok(data.runs.some(({ result }) => result === "failed"));
    assert.ok(data.runs.some(({ phases }) => (phases.rollout ?? 0) > 0 && (phases.verification ?? 0) > 0));

    const prom = join(world.dir, "rotation.prom");
    assert.equal((await typist.type(now, ["metrics", "--file", prom], { env })).code, 0);
    const text = readFileSync(prom, "utf8");
    for (const [name, { dueAt, generation }] of rows) {
      const of = (metric: string): string | undefined =>
        new RegExp(
          `^rotation_secret_${metric}\\{stack="sandbox",secret="visapi/${name}",class="\\w+"\\} (\\S+)$`,
          "m",
        ).exec(text)?.[1];
      assert.equal(Number(of("due_timestamp_seconds")), Date.parse(dueAt) / 1000, name);
      assert.equal(Number(of("generation")), generation, name);
      assert.equal(of("last_result"), "1", name);
      assert.equal(of("destinations_outdated"), "0", name);
    }
    const { render } = world.sandbox.simulators;
    const pages =
      readFileSync(file, "utf8") +
      text +
      JSON.stringify([world.sandbox.simulators.slack.messages, mailbox.mails]) +
      readFileSync(trail(), "utf8") +
      typist.everything.join("");
    for (const name of ["JWT_SECRET", "JWT_SECRET_PREVIOUS", "SESSION_SECRET", "CRON_SECRET"]) {
      const value = render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", name) ?? "";
      assert.ok(value.length >= 32 && !pages.includes(value), name);
    }
    for (const value of [mailPassword, env["ROTATION_AUDIT_KEY"] ?? ""]) assert.ok(!pages.includes(value));
    assert.ok(existsSync(file));
  });

  it("keeps the trail in a file, and finds what was done to it", async () => {
    const verify = (...more: string[]): Promise<Typed> => typist.type(world.now, ["audit", "verify", ...more], { env });
    const whole = await verify("--json");
    assert.equal(whole.code, 0, whole.said);
    const { head } = JSON.parse(whole.out) as { head: string };
    const listed = await typist.type(world.now, ["audit", "list", "--secret", "JWT_SECRET", "--json"], { env });
    const rotations = JSON.parse(listed.out) as { generation: number; outcome: string }[];
    assert.deepEqual(
      rotations.map(({ generation, outcome }) => [generation, outcome]),
      [
        [1, "completed"],
        [2, "completed"],
      ],
    );
    const text = readFileSync(trail(), "utf8");
    const lines = text.split("\n");
    const middle = Math.floor(lines.length / 2);
    const changed = lines.map((line, index) => (index === middle ? line.replace('"by":"', '"by":"not-') : line));
    const cases: [lines: string[], said: RegExp][] = [
      [changed, /was changed after it was written/],
      [lines.toSpliced(middle, 1), /records? \d+.* missing/],
      [[...lines.slice(0, -2), ""], /its tail was cut off/],
    ];
    for (const [wrong, said] of cases) {
      writeFileSync(trail(), wrong.join("\n"));
      const found = await verify("--head", head);
      assert.equal(found.code, 1, found.out);
      assert.match(found.out, said);
    }
    writeFileSync(trail(), text);
    assert.equal((await verify("--head", head)).code, 0);
  });

  it("refuses what makes no sense before it does anything", async () => {
    const wrong: [args: string[], said: RegExp][] = [
      [["metrics", "--file", "rotation.txt"], /reads names that end in \.prom/],
      [["metrics", "--push", "gateway:9091"], /give the address of a Pushgateway/],
      [["serve", "--port", "70000"], /--port is "70000"; give a whole number from 0 to 65535/],
    ];
    for (const [args, said] of wrong) {
      const ran = await typist.type(world.now, args, { env });
      assert.equal(ran.code, 2, args.join(" "));
      assert.match(ran.said, said);
    }
  });
});
