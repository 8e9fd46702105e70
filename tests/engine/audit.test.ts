// The audit trail, drift and the checklist on the real engine, by what a person types and a consumer sees.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Row } from "../../cli/inventory.ts";
import type { AuditRecord } from "../../provider/audit/record.ts";
import type { Live, Rotation } from "../../provider/audit/rotations.ts";
import { configFile } from "../../sandbox/stack.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { sealBox } from "../../sandbox/simulators/index.ts";
import { Typist, type Typed } from "../support/type.ts";
import { World } from "../support/world.ts";

const fresh = "xoxb-111111111111-1111111111111-freshfreshfreshfreshfres";

describe("the audit trail on the real engine", () => {
  let world: World;
  let typist: Typist;

  const rotate = (now: string, args: string[], input = "", env: Record<string, string> = {}): Promise<Typed> =>
    typist.type(now, args, { input, env });
  async function typed(now: string, args: string[], input = ""): Promise<Typed> {
    const ran = await rotate(now, args, input);
    assert.equal(ran.code, 0, `rotate ${args.join(" ")}: ${ran.said}${ran.out}`);
    return ran;
  }
  async function rotations(secret: string, ...args: string[]): Promise<Rotation[]> {
    const { out } = await typed(world.now, ["audit", "list", "--secret", secret, "--json", ...args]);
    return JSON.parse(out) as Rotation[];
  }
  async function records(): Promise<AuditRecord[]> {
    const { out } = await typed(world.now, ["audit", "export", "--jsonl"]);
    return out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as AuditRecord);
  }
  /** While this file exists, the API says that it is not well. */
  const unhealthy = (): string => join(world.dir, "unhealthy");
  const variable = (name: string): string =>
    world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", name) ?? "";
  const vault = (method: string, path: string, body?: object): Promise<{ data: Record<string, unknown> }> =>
    world.sandbox.vault.call(method, path, body);
  const log = "rotation-audit/secret-rotation/sandbox/log";

  async function removeAtVercel(name: string): Promise<void> {
    const { VERCEL_API_URL: url, VERCEL_API_TOKEN: token, VERCEL_PROJECT_ID: project } = world.sandbox.env;
    const headers = { authorization: `Bearer ${token}` };
    const listed = await fetch(`${url}/v10/projects/${project}/env`, { headers });
    const { envs } = (await listed.json()) as { envs: { id: string; key: string }[] };
    const id = envs.find(({ key }) => key === name)?.id ?? "";
    assert.ok((await fetch(`${url}/v9/projects/${project}/env/${id}`, { method: "DELETE", headers })).ok);
  }
  async function setAtGithub(name: string, value: string): Promise<void> {
    const { GITHUB_BASE_URL: base, GITHUB_TOKEN: token } = world.sandbox.env;
    const root = `${base}api/v3/repos/visanet/visapi/actions/secrets`;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(`${root}/public-key`, { headers });
    const { key_id, key } = (await answer.json()) as { key_id: string; key: string };
    const body = JSON.stringify({ key_id, encrypted_value: sealBox(value, key) });
    assert.ok((await fetch(`${root}/${name}`, { method: "PUT", headers, body })).ok);
  }

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    typist = new Typist(world);
    await world.setRenderVariable("SIMULATE_UNHEALTHY_FILE", unhealthy());
    const first = await world.up();
    assert.equal(first.code, 0, first.output);
  });
  after(async () => world.stop());

  it("finds what was changed or deleted at each destination, shows it, and puts it back without rotating", async () => {
    const { render, vercel, github } = world.sandbox.simulators;
    const env = world.sandbox.env;
    const everywhere = async (): Promise<Record<string, string | undefined>> => ({
      vault: await world.vaultField("visapi/JWT_SECRET", "value"),
      deleted: await world.vaultField("visapi/CRON_SECRET", "value"),
      render: render.envVar(env["RENDER_SERVICE_ID"] ?? "", "SESSION_SECRET"),
      vercel: vercel.envVar(env["VERCEL_PROJECT_ID"] ?? "", "CRON_SECRET"),
      github: github.secretValue("visanet", "visapi", "CODECOV_TOKEN"),
    });
    const status = async (): Promise<Map<string, Row>> => {
      const { out } = await rotate(world.now, ["status", "--json"]);
      return new Map((JSON.parse(out) as { secrets: Row[] }).secrets.map((row) => [row.secret, row]));
    };
    const [old, rows] = [await everywhere(), await status()];
    assert.ok(Object.values(old).every((value) => value));
    const generation = rows.get("JWT_SECRET")?.generation;
    // GitHub and Vercel tell the time of a change, GitHub in whole seconds.
    await sleep(1100);
    await vault("POST", "secret/data/visapi/JWT_SECRET", { data: { value: "changed-by-somebody", generation } });
    await vault("DELETE", "secret/data/visapi/CRON_SECRET");
    await world.setRenderVariable("SESSION_SECRET", "changed-by-somebody");
    await removeAtVercel("CRON_SECRET");
    await setAtGithub("CODECOV_TOKEN", "changed-by-somebody");

    const found = await rotate(world.now, ["drift", "--json"]);
    assert.equal(found.code, 3, found.said);
    const { drifted } = JSON.parse(found.out) as { drifted: { secret: string; place: string }[] };
    const seen = drifted.map(({ secret, place }) => `${secret} ${place}`).sort();
    assert.deepEqual(seen, [
      "visapi/CODECOV_TOKEN github:visapi",
      "visapi/CRON_SECRET vault:secret",
      "visapi/CRON_SECRET vercel:frontend",
      "visapi/JWT_SECRET vault:secret",
      "visapi/SESSION_SECRET render:api",
    ]);
    const marked = await status();
    assert.deepEqual(
      ["JWT_SECRET", "SESSION_SECRET", "API_KEY_PREFIX"].map((name) => marked.get(name)?.state === "drifted"),
      [true, true, false],
    );

    const pushed = await rotate(world.now, ["drift", "--push", "--json"]);
    assert.equal(pushed.code, 0, pushed.said + pushed.out);
    assert.deepEqual(await everywhere(), old);
    const after = await status();
    for (const [name, row] of after) assert.notEqual(row.state, "drifted", name);
    assert.equal(after.get("JWT_SECRET")?.generation, generation, "nothing was rotated");
    const events = (await records()).filter(({ event }) => event === "drifted" || event === "pushed");
    assert.deepEqual(
      [
        events.filter(({ event }) => event === "drifted").length,
        events.filter(({ event }) => event === "pushed").length,
      ],
      [5, 5],
    );
    const none = await rotate(world.now, ["drift"]);
    assert.equal(none.code, 0, none.out);
    assert.match(none.out, /vercel:frontend: in production and not in preview: .*CRON_SECRET/);
  }).timeout(400_000);

  it("carries the checklist out, and finds what is wrong", async () => {
    const shown = await typed(world.now, ["checklist"]);
    assert.match(shown.out, /User complaints minimal +a person/);
    const good = await rotate(world.now, ["checklist", "--run", "--json"]);
    const answers = new Map(
      (JSON.parse(good.out) as { row: string; verdict: string; said: string }[]).map((each) => [each.row, each]),
    );
    for (const row of [
      "All services are healthy",
      "Database connectivity restored",
      "Redis connectivity restored",
      "API key authentication working",
      "Admin dashboard accessible",
      "Queue processing functioning",
      "WhatsApp integration working",
      "Email integration working",
      "Slack integration working",
      "Queue metrics normal",
      "+ The audit trail is whole",
      "+ Every destination holds what was written",
    ])
      assert.equal(answers.get(row)?.verdict, "good", `${row}: ${answers.get(row)?.said}`);
    for (const row of ["User complaints minimal", "Performance metrics stable"])
      assert.equal(answers.get(row)?.verdict, "person", row);

    writeFileSync(unhealthy(), "");
    const bad = await rotate(world.now, ["checklist", "--window", "15m", "--run"]);
    rmSync(unhealthy());
    assert.equal(bad.code, 3, bad.out);
    assert.match(bad.out, /All services are healthy +WRONG +.*healthz answered 503/);
  }).timeout(400_000);

  it("records a rotation with everything that anybody asks of it, and the end of the old value", async () => {
    world.now = world.later(31);
    await typed(world.now, ["run", "JWT_SECRET"]);
    const [first, second, ...more] = await rotations("JWT_SECRET");
    assert.deepEqual([first?.action, first?.generation, first?.outcome, more.length], ["first", 1, "completed", 0]);
    assert.ok(second);
    assert.deepEqual([second.action, second.generation, second.outcome], ["scheduled", 2, "completed"]);
    assert.deepEqual(second.destinations, ["vault:secret", "render:api"]);
    assert.ok(second.checks.includes("api 2/2"));
    assert.equal(second.from, first?.to);
    assert.match(second.to, /^[0-9a-f]{12}$/);
    assert.notEqual(second.to, second.from);
    assert.ok(second.by !== "" && second.runs.length === 1);
    const steps = second.durations.map(({ step }) => step);
    for (const step of ["overlap", "render-api", "rollout-api", "verification"]) assert.ok(steps.includes(step), step);
    assert.equal(second.previous.state, "accepted");
    const before = await rotations("JWT_SECRET", "--who", "nobody-of-that-name");
    assert.deepEqual(before, []);

    const during = world.later(0, 0.5);
    world.now = world.later(0, 2);
    await typed(world.now, ["run", "JWT_SECRET"]);
    assert.equal((await rotations("JWT_SECRET"))[1]?.previous.state, "dead");
    const live = async (at: string): Promise<Live | undefined> => {
      const { out } = await typed(world.now, ["audit", "live", "--at", at, "--json"]);
      return (JSON.parse(out) as { live: Live[] }).live.find(({ secret }) => secret === "visapi/JWT_SECRET");
    };
    assert.deepEqual((await live("2027-03-15T00:00:00Z"))?.generation, 1);
    assert.deepEqual([(await live(during))?.generation, (await live(during))?.beside?.generation], [2, 1]);
    assert.equal((await live(world.later(0, 1)))?.beside, undefined);
  });

  it("records an emergency with its reason and the revocation, and answers its review", async () => {
    world.now = world.later(0, 1);
    await typed(world.now, ["emergency", "--secret", "DATABASE_URL", "--reason", "laptop stolen"]);
    const made = (await rotations("DATABASE_URL")).at(-1);
    assert.deepEqual(
      [made?.action, made?.reason, made?.outcome, made?.previous.state],
      ["emergency", "laptop stolen", "completed", "dead"],
    );
    const mine = (await records()).filter(({ seq }) => made?.records.includes(seq));
    const happened = mine.map(({ event }) => event);
    for (const event of ["requested", "clock", "made", "written", "rolledOut", "verified", "revoked", "completed"])
      assert.ok(happened.includes(event as AuditRecord["event"]), `${event} in ${happened.join(" ")}`);
    assert.ok(happened.indexOf("verified") < happened.indexOf("revoked"), "revoked only after it was verified");
    const review = await typed(world.now, ["audit", "review", "DATABASE_URL"]);
    assert.match(review.out, /\[x\] it is known who asked, and why: .*laptop stolen/);
    assert.match(review.out, /\[x\] the old value is dead/);
    assert.match(review.out, /\[\?\] the review is held by 2027-04-0\dT\d\d:\d\dZ: 48 hours are left/);
    const report = await typed(world.now, ["audit", "report", "--since", "90d"]);
    for (const part of [
      "## Timeline of events",
      "## Secrets rotated",
      "## Impact",
      "## Lessons learned",
      "laptop stolen",
    ])
      assert.ok(report.out.includes(part), part);
  });

  it("records a rollback and a hand-over with who and why", async () => {
    world.now = world.later(0, 1);
    await typed(world.now, ["rollback", "JWT_SECRET", "--reason", "clients cannot sign in"]);
    const [first, second, back] = await rotations("JWT_SECRET");
    assert.deepEqual(
      [back?.action, back?.generation, back?.reason, back?.from, back?.to],
      ["rollback", 3, "clients cannot sign in", second?.to, first?.to],
    );
    world.sandbox.simulators.slackApi.addKey("visapi-2", fresh);
    await typed(world.now, ["hand-over", "SLACK_BOT_TOKEN"], `${fresh}\n`);
    const brought = (await rotations("SLACK_BOT_TOKEN")).at(-1);
    assert.deepEqual([brought?.action, brought?.outcome, brought?.generation], ["hand-over", "completed", 2]);
    assert.ok((await records()).some(({ event, asked }) => event === "requested" && asked?.action === "hand-over"));
  });

  it("leaves no hole when it is killed right after an effect, nor when the trail goes away", async () => {
    world.now = world.later(31);
    const old = variable("CRON_SECRET");
    let killed = 0;
    const effect = `${world.sandbox.env["RENDER_SERVICE_ID"]}/CRON_SECRET`;
    const stop = world.sandbox.simulators.effects.subscribe(({ kind, subject }) => {
      if (kind !== "env-var.put" || subject !== effect || killed) return;
      for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
        try {
          const env = readFileSync(`/proc/${entry}/environ`, "utf8");
          const command = readFileSync(`/proc/${entry}/cmdline`, "utf8");
          if (!env.includes(`PULUMI_OPTION_CONFIG_FILE=${world.dir}/`) || !command.includes("provider/bin")) continue;
          process.kill(Number(entry), "SIGKILL");
          killed++;
        } catch {
          // It ended meanwhile.
        }
      }
    });
    const cut = await rotate(world.now, ["run", "CRON_SECRET"]);
    stop();
    assert.ok(killed > 0 && cut.code !== 0, cut.said);
    await waitFor(() => variable("CRON_SECRET") !== old, { what: "the effect" });
    const value = variable("CRON_SECRET");
    const before = (await rotations("CRON_SECRET")).at(-1);
    assert.equal(before?.outcome === "completed", false);

    // And in the run that goes on, the trail cannot be written: nothing with an effect begins.
    const config = readFileSync(configFile(world.dir), "utf8");
    writeFileSync(configFile(world.dir), config.replace("rotation:audit: vault", "rotation:audit: vault:absent/trail"));
    world.sandbox.simulators.effects.clear();
    const blind = await rotate(world.later(0, 0.1), ["run", "CRON_SECRET"]);
    writeFileSync(configFile(world.dir), config);
    assert.equal(blind.code, 1, blind.out);
    assert.match(blind.said, /The audit trail \(Vault's absent\/trail.*cannot be written, so this step has not begun/);
    const lines = world.sandbox.simulators.effects.lines();
    assert.deepEqual(
      lines.filter((line) => /env-var\.put|deploy\.create/.test(line)),
      [],
    );
    world.now = world.later(0, 0.2);
    await typed(world.now, ["run", "CRON_SECRET"]);
    assert.equal(variable("CRON_SECRET"), value, "not rotated twice");
    const after = (await rotations("CRON_SECRET")).at(-1);
    assert.deepEqual([after?.outcome, after?.generation], ["completed", before?.generation]);
    const mine = (await records()).filter(({ seq }) => after?.records.includes(seq));
    const places = mine.flatMap(({ event, destinations = [] }) => (event === "written" ? destinations : []));
    for (const place of ["render:api/CRON_SECRET", "vercel:frontend/CRON_SECRET"])
      assert.ok(places.includes(place), `${place} in ${places.join(" ")}`);
    assert.equal((await typed(world.now, ["audit", "verify"])).code, 0);
  });

  it("finds a record that was changed, one that was removed, and a tail that was cut off", async () => {
    const { out } = await typed(world.now, ["audit", "verify", "--json"]);
    const { head = "" } = JSON.parse(out) as { head: string };
    const keys = ((await vault("GET", `secret/metadata/${log}?list=true`)).data["keys"] as string[]).sort();
    const broken = async (path: string, change: () => Promise<unknown>, says: RegExp): Promise<void> => {
      const { data } = (await vault("GET", `secret/data/${path}`)).data;
      await change();
      const found = await rotate(world.now, ["audit", "verify", "--head", head]);
      assert.equal(found.code, 1, found.out);
      assert.match(found.out, says);
      await vault("POST", `secret/data/${path}`, { data });
      assert.equal((await rotate(world.now, ["audit", "verify", "--head", head])).code, 0);
    };
    const middle = `${log}/${keys[Math.floor(keys.length / 2)]}`;
    await broken(
      middle,
      async () => {
        const entry = (await vault("GET", `secret/data/${middle}`)).data["data"] as { records: string[] };
        const changed = entry.records.map((line) => line.replace('"by":"', '"by":"not-'));
        await vault("POST", `secret/data/${middle}`, { data: { records: changed } });
      },
      /was changed after it was written/,
    );
    await broken(middle, () => vault("DELETE", `secret/data/${middle}`), /records? \d+.* missing/);
    const last = `${log}/${keys.at(-1)}`;
    await broken(last, () => vault("DELETE", `secret/data/${last}`), /its tail was cut off/);
  });

  it("holds no value, in its records or in what is printed of them", async () => {
    const everywhere = `${typist.everything.join("\n")}${JSON.stringify(await records())}`;
    for (const name of ["JWT_SECRET", "DATABASE_URL", "CRON_SECRET", "SLACK_BOT_TOKEN", "SESSION_SECRET"])
      for (const value of [variable(name), variable(`${name}_PREVIOUS`)])
        if (value) assert.ok(!everywhere.includes(value), name);
    assert.ok(everywhere.length > 20_000);
  });
});
