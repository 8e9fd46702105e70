// What a person brings, from the due notice to the end of the old value, on the real engine; and Upstash's one
// password, which the key that was brought resets.
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { configFile, repository } from "../../sandbox/stack.ts";
import { openRedis } from "../support/stores-load.ts";
import { onTerminal } from "../support/terminal.ts";
import { Typist, type Typed } from "../support/type.ts";
import { World } from "../support/world.ts";

interface HandOver {
  secret: string;
  /** Makes a new value at the vendor, as a person does in the browser. */
  make: () => string;
  /** Of the right shape, and unknown to the vendor; undefined where nothing at the vendor can tell. */
  wrong?: string;
  refused: RegExp;
  proven: RegExp;
  /** Ends a value at the vendor. */
  end?: (old: string) => void;
  dead?: RegExp;
  destinations: ("render" | "github")[];
}

describe("hand-overs and Upstash on the real engine", function () {
  this.timeout(600_000);
  let world: World;
  let typist: Typist;
  /** What a person has changed for runs since they began. */
  const env: Record<string, string> = {};
  const values: string[] = [];
  let now: string;

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    typist = new Typist(world);
    now = world.later(1);
    world.configure({ "visapi:redis": "upstash", "visapi:githubEnvironment": "production" });
    const first = await world.up();
    assert.equal(first.code, 0, first.output);
  });
  after(async () => world.stop());

  const type = (args: string[], input = ""): Promise<Typed> => typist.type(now, args, { input, env });
  const vault = async (secret: string): Promise<string> => (await world.vaultField(`visapi/${secret}`, "value")) ?? "";
  const config = (): string => readFileSync(configFile(world.dir), "utf8");
  const variable = (name: string): string | undefined =>
    world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", name);
  /** As a job of the deployment environment reads it. */
  const action = (name: string): string | undefined =>
    world.sandbox.simulators.github.secretValue("visanet", "visapi", name, "production");
  const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
  const webhook = (token: string): string => {
    const { slack } = world.sandbox.simulators;
    return slack.webhookUrl({ team: "T00000000", bot: "B11111111", token });
  };

  const handOvers: HandOver[] = [
    {
      secret: "CGB_API_KEY",
      make: () => {
        const key = `${hex(4)}.${hex(20)}`;
        world.sandbox.simulators.cgb.addKey("visapi-2", key);
        return key;
      },
      wrong: `${hex(4)}.${hex(20)}`,
      refused: /ChatGPT Builder does not accept it/,
      proven: /proven: ChatGPT Builder knows it as a key of Visanet/,
      end: (old) => world.sandbox.simulators.cgb.revokeKey(old),
      dead: /is dead: ChatGPT Builder does not accept it/,
      destinations: ["render"],
    },
    {
      secret: "SLACK_SIGNING_SECRET",
      make: () => hex(16),
      refused: /does not look like visapi\/SLACK_SIGNING_SECRET, .*Nothing was stored/,
      proven: /not proven: Slack has no way to check a signing secret/,
      destinations: ["render"],
    },
    {
      secret: "SLACK_WEBHOOK_URL",
      make: () => {
        const token = hex(12);
        world.sandbox.simulators.slack.addWebhook({ team: "T00000000", bot: "B11111111", token });
        env["SLACK_WEBHOOK_URL"] = webhook(token);
        return webhook(token);
      },
      refused: /Slack answered 40[34] to the webhook/,
      proven: /proven: the webhook takes messages/,
      end: () => world.sandbox.simulators.slack.revokeWebhook("T00000000", "B00000000"),
      dead: /is dead: Slack answered 404 to the webhook/,
      destinations: ["render", "github"],
    },
    {
      secret: "RENDER_API_KEY",
      make: () => {
        const key = `rnd_${hex(14)}`;
        world.sandbox.simulators.render.addApiKey(key);
        return key;
      },
      wrong: `rnd_${hex(14)}`,
      refused: /Render does not accept it \(401\)/,
      proven: /proven: Render knows it as a key for/,
      end: (old) => {
        world.sandbox.simulators.render.revokeApiKey(old);
        // The stack itself works with this key: from here on with the new one, as GitHub Actions hands it over.
        env["RENDER_API_KEY"] = action("RENDER_API_KEY") ?? "";
      },
      dead: /is dead: Render does not accept it/,
      destinations: ["github"],
    },
    {
      secret: "UPSTASH_API_KEY",
      make: () => {
        const key = randomUUID();
        world.sandbox.simulators.upstash.addKey("stack-2", key);
        return key;
      },
      wrong: randomUUID(),
      refused: /Upstash does not accept it for operations@visanet.com \(401\)/,
      proven: /proven: Upstash lists 1 database with it/,
      end: (old) => world.sandbox.simulators.upstash.revokeKey(old),
      dead: /is dead: Upstash does not accept it/,
      destinations: ["github"],
    },
    {
      secret: "CODECOV_TOKEN",
      make: () => randomUUID(),
      refused: /does not look like visapi\/CODECOV_TOKEN, .*Nothing was stored/,
      proven: /not proven: Codecov has no way to check an upload token/,
      destinations: ["github"],
    },
  ];

  for (const { secret, make, wrong, refused, proven, end, dead, destinations } of handOvers)
    it(`brings ${secret}: refused when wrong, proven, handed out, and the old one checked`, async () => {
      const old = await vault(secret);
      const before = [config(), await world.vaultVersions()];
      const mistaken = wrong ?? (secret === "SLACK_WEBHOOK_URL" ? webhook(hex(12)) : "wrong-wrong-wrong-wrong");
      const no = await type(["hand-over", secret], `${mistaken}\n`);
      assert.equal(no.code, 1, no.said);
      assert.match(no.said, refused);
      assert.deepEqual([config(), await world.vaultVersions()], before, "nothing was stored anywhere");

      const value = make();
      values.push(old, mistaken, value);
      const done = await type(["hand-over", secret], `${value}\n`);
      assert.equal(done.code, 0, done.said);
      assert.match(done.said, proven);
      assert.match(done.said, /Left for you:[^]*--check-old/);
      assert.equal(await vault(secret), value);
      for (const place of destinations) assert.equal((place === "render" ? variable : action)(secret), value, place);
      const row = (await typist.rows(now)).get(secret);
      assert.deepEqual([row?.generation, row?.rotatedAt, row?.state], [2, now, "ok"]);
      if (destinations.includes("render")) assert.deepEqual(row?.consumers, ["api 2/2"]);

      const check = await type(["hand-over", secret, "--check-old"]);
      assert.equal(check.code, 3, "still alive, or nobody can tell");
      if (!end || !dead) return assert.match(check.out, /cannot be told/);
      assert.match(check.out, /still works/);
      end(old);
      const ended = await type(["hand-over", secret, "--check-old"]);
      assert.equal(ended.code, 0, ended.said);
      assert.match(ended.out, dead);
      const back = await type(["rollback", secret]);
      assert.equal(back.code, 2, back.said);
      assert.match(back.said, new RegExp(`${secret} cannot go back to generation 1: `));
    });

  it("works on with the new Render key, and changes nothing with the dead one", async () => {
    const refused = await world.up({ now });
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /Render answered 401 .*set RENDER_API_KEY to a valid one/);
    assert.deepEqual(refused.steps, []);
    const run = await world.up({ now, env });
    assert.equal(run.code, 0, run.output);
  });

  it("offers uploads to Codecov without any token", async () => {
    const { out } = await type(["hand-over", "CODECOV_TOKEN", "--steps"]);
    assert.match(out, /use_oidc: true/);
  });

  it("cuts Upstash's one password over in one deploy, with the key that was brought", async () => {
    const old = await vault("REDIS_URL");
    const { effects } = world.sandbox.simulators;
    await (await openRedis(old)).close();
    effects.clear();
    const forced = ["emergency", "--secret", "REDIS_URL", "--reason", "password in a log"];
    const done = await type(forced);
    assert.equal(done.code, 0, done.said);
    const made = await vault("REDIS_URL");
    values.push(old, made);
    assert.notEqual(made, old);
    assert.equal(variable("REDIS_URL"), made);
    const ours = effects.lines().filter((line) => /password\.reset|deploy\.create/.test(line));
    assert.equal(ours.length, 2, `one reset and one deploy: ${ours.join("; ")}`);
    assert.match(ours[0] ?? "", /^upstash password\.reset /);
    await assert.rejects(openRedis(old).then((redis) => redis.use()));
    await (await openRedis(made)).close();
    const api = world.sandbox.env["VISAPI_API_URL"];
    assert.equal((await fetch(`${api}/api/v1/healthz/redis`, { headers: { connection: "close" } })).status, 200);
    const row = (await typist.rows(now)).get("REDIS_URL");
    assert.deepEqual([row?.handling, row?.generation, row?.consumers], ["issued, cut-over", 2, ["api 2/2"]]);
    const back = await type(["rollback", "REDIS_URL"]);
    assert.equal(back.code, 2);
    assert.match(back.said, /REDIS_URL cannot go back to generation 1/);
  });

  it("tells Slack two weeks ahead what a person must fetch, and again when that is overdue, once each", async () => {
    const { slack } = world.sandbox.simulators;
    /** Lines about a secret that came through the new webhook, whatever else was in their messages. */
    const told = (secret: string, words: string): string[] =>
      slack.messages
        .filter(({ webhook: through }) => through.endsWith("B11111111"))
        .flatMap(({ payload }) => String(payload["text"]).split("\n"))
        .filter((line) => line.includes(`visapi/${secret} `) && line.includes(words));
    const runs = async (at: string): Promise<void> => {
      const run = await world.up({ now: at, env });
      assert.equal(run.code, 0, run.output);
    };
    await runs(world.later(78));
    for (const { secret } of handOvers) {
      const [line = "", ...more] = told(secret, "is due on");
      assert.match(line, new RegExp(`: rotate hand-over ${secret}$`));
      assert.deepEqual(more, [], secret);
    }
    const planned = await typist.type(world.later(78), ["status"], { env });
    assert.match(planned.out, /CGB_API_KEY .* due/);
    assert.equal(planned.code, 3, "it needs a person");
    await runs(world.later(78, 1));
    for (const { secret } of handOvers) assert.equal(told(secret, "is due on").length, 1, `${secret}: said once`);
    await runs(world.later(92));
    for (const { secret } of handOvers) assert.equal(told(secret, "was due on").length, 1, secret);
  });

  it("reads a value on a terminal without showing it", async () => {
    const { cgb } = world.sandbox.simulators;
    const [wrong, value] = [`${hex(4)}.${hex(20)}`, `${hex(4)}.${hex(20)}`];
    cgb.addKey("visapi-3", value);
    values.push(wrong, value);
    const at = world.later(92);
    const options = { cwd: world.dir, env: { ...process.env, ...world.sandbox.env, ROTATION_NOW: at, ...env } };
    world.gate.give(env);
    const prompt = "it is not shown:";
    const command = `'${join(repository, "rotate")}' hand-over CGB_API_KEY`;
    const no = await onTerminal(command, { ...options, prompt, keys: wrong });
    assert.equal(no.code, 1, no.shown);
    assert.match(no.shown, /does not accept it/);
    const done = await onTerminal(command, { ...options, prompt, keys: value });
    assert.equal(done.code, 0, done.shown);
    assert.equal(await vault("CGB_API_KEY"), value);
    for (const { shown } of [no, done]) {
      world.gate.note("a terminal", shown);
      assert.ok(shown.includes(prompt));
      for (const each of [wrong, value]) assert.ok(!shown.includes(each) && !shown.includes(each.slice(0, 12)));
    }
  });

  it("never prints a value, nor keeps one in plain", () => {
    const written = typist.everything.join("\n") + config();
    for (const value of values) assert.ok(!written.includes(value), `a value of ${value.length} characters`);
  });
});
