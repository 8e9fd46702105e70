// State in a bucket of S3 and in a table of Postgres, on the real engine: all that is promised of files holds there too.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Supervisor } from "../../sandbox/servers/process.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { repository } from "../../sandbox/stack.ts";
import { bucket, makeStack, table, type Entry, type Place } from "../support/backends.ts";
import { Canaries } from "../support/traces.ts";
import { Typist, type Typed, type TypeOptions } from "../support/type.ts";
import { World } from "../support/world.ts";

interface Report {
  stacks: { stack: string; what: string; touched: string[]; secrets: number }[];
}

/** Each with a secret of its own, since they share Vault and the service that reads it. */
const kinds = [
  { kind: "S3", secret: "JWT_SECRET" },
  { kind: "Postgres", secret: "CRON_SECRET" },
] as const;

describe("backends on the real engine", function () {
  this.timeout(180_000);
  let world: World;
  let supervisor: Supervisor;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    supervisor = new Supervisor(join(world.dir, "backends"));
  });
  after(async () => {
    await supervisor?.stop();
    await world?.stop();
  });

  /** Empties what a stack has written to Vault: another would refuse to make it anew. */
  async function forget(application: string): Promise<void> {
    const { VAULT_ADDR: address = "", VAULT_TOKEN: token = "" } = world.sandbox.env;
    for (const name of Object.keys(await world.vaultVersions(application)))
      await fetch(`${address}/v1/secret/metadata/${application}/${name}`, {
        method: "DELETE",
        headers: { "x-vault-token": token },
      });
  }

  for (const { kind, secret } of kinds)
    describe(`state on ${kind}`, () => {
      let place: Place;
      let folder: string;
      let typist: Typist;
      /** Where `pulumi` is one that only leaves a trace. */
      let trap: { path: string; trace: string };
      const canaries = new Canaries();
      before(async () => {
        const { dir, sandbox } = world;
        place = kind === "S3" ? await bucket(join(dir, "s3"), supervisor) : await table(sandbox.postgres);
        folder = join(dir, "backends", kind);
        typist = new Typist(world);
        const config = {
          "secret-rotation:declared": { secrets: [{ name: secret, destinations: ["vault", "render"] }] },
        };
        await makeStack(folder, "sandbox", config, { ...world.sandbox.env, ...place.env });
        trap = { path: join(folder, "trap"), trace: join(folder, "trace") };
        mkdirSync(trap.path);
        writeFileSync(join(trap.path, "pulumi"), `#!/bin/sh\necho "$@" >> '${trap.trace}'\nexit 1\n`);
        chmodSync(join(trap.path, "pulumi"), 0o755);
        canaries.plant("the backend's key", place.key);
        canaries.plant("VAULT_TOKEN", world.sandbox.env["VAULT_TOKEN"]);
        for (const [name, value] of Object.entries(world.sandbox.secrets))
          if (!name.endsWith("Id")) canaries.plant(name, value);
      });

      const typed = (now: string, args: string[], options: TypeOptions = {}): Promise<Typed> =>
        typist.type(now, args, {
          ...options,
          env: {
            ...place.env,
            PULUMI_OPTION_CWD: join(repository, "tests/programs/declared"),
            PULUMI_OPTION_CONFIG_FILE: join(folder, "Pulumi.sandbox.yaml"),
            ...options.env,
          },
        });
      const trapped = (): Record<string, string> => ({
        PATH: `${trap.path}:${world.sandbox.env["PATH"] ?? ""}`,
      });
      const parts = (): Record<string, string> => ({
        PULUMI_OPTION_CWD: join(repository, "bench/programs/many"),
        PULUMI_OPTION_CONFIG_FILE: join(folder, "Pulumi.many.yaml"),
      });
      const succeeded = async (running: Promise<Typed>): Promise<Typed> => {
        const ran = await running;
        assert.equal(ran.code, 0, ran.said + ran.out);
        canaries.plant("the value at Render", atRender());
        canaries.plant("the value in Vault", await inVault());
        return ran;
      };
      const atRender = (): string =>
        world.sandbox.simulators.render.envVar(world.sandbox.env["RENDER_SERVICE_ID"] ?? "", secret) ?? "";
      const inVault = (): Promise<string | undefined> => world.vaultField(`visapi/${secret}`, "value");
      const generation = async (now: string): Promise<number | undefined> => {
        const { out } = await typed(now, ["status", "--json"]);
        return (JSON.parse(out) as { secrets: { generation: number }[] }).secrets[0]?.generation;
      };
      const stamps = (entries: Map<string, Entry>): string[][] =>
        [...entries].map(([key, { stamp }]) => [key, stamp]).sort();
      const below = async (part: string): Promise<[string, Entry][]> =>
        [...(await place.entries())].filter(([key]) => key.includes(part));

      /** Runs on a machine on which `pulumi` only leaves a trace, and says whether it was started or anything changed. */
      async function quiet(now: string, args: string[], env: Record<string, string> = {}): Promise<Typed> {
        const before = stamps(await place.entries());
        const ran = await succeeded(typed(now, args, { env: { ...env, ...trapped() } }));
        assert.ok(!existsSync(trap.trace), existsSync(trap.trace) ? readFileSync(trap.trace, "utf8") : "");
        assert.deepEqual(stamps(await place.entries()), before, "nothing was written");
        return ran;
      }

      /** Processes of runs on this backend: numbers and command lines. */
      function processes(): { pid: number; command: string }[] {
        return readdirSync("/proc").flatMap((pid) => {
          try {
            if (!/^\d+$/.test(pid)) return [];
            const env = readFileSync(`/proc/${pid}/environ`, "utf8");
            if (!env.includes(`PULUMI_OPTION_CONFIG_FILE=${world.dir}/`)) return [];
            return [{ pid: Number(pid), command: readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ") }];
          } catch {
            return [];
          }
        });
      }

      it("makes a secret, and the next run starts no engine and writes nothing", async () => {
        await succeeded(typed(world.now, ["run"]));
        assert.ok(atRender().length >= 64);
        assert.equal(await inVault(), atRender());
        assert.equal((await below(".pulumi/stacks/secret-rotation/sandbox.json")).length > 0, true);
        const { out } = await quiet(world.later(0, 1), ["run"]);
        assert.match(out, /^Nothing was due; nothing was changed\./);
        assert.match(out, new RegExp(`^${secret} `, "m"));
        // The trap does catch: else the line before proves nothing.
        const caught = await typed(world.later(0, 1), ["run", "--full"], { env: trapped() });
        assert.notEqual(caught.code, 0);
        assert.match(readFileSync(trap.trace, "utf8"), /^up /m);
        rmSync(trap.trace);
      });

      it("rotates what is due", async () => {
        const old = atRender();
        await succeeded(typed(world.later(31), ["run"]));
        assert.notEqual(atRender(), old);
        assert.equal(await inVault(), atRender());
        assert.equal(await generation(world.later(31)), 2);
      });

      it("goes on by itself after the engine and the command were killed in the middle of a rotation", async () => {
        const now = world.later(62);
        const old = atRender();
        const { effects } = world.sandbox.simulators;
        let killed: string[] = [];
        // The new value is in Vault and at the service, which has not been restarted: nothing of that is in the state yet.
        const stop = effects.subscribe((effect) => {
          if (killed.length > 0 || effect.kind !== "env-var.put") return;
          const victims = processes().filter(({ command }) => /cli\/main\.ts|^\S*pulumi up /.test(command));
          for (const { pid } of victims) process.kill(pid, "SIGKILL");
          killed = victims.map(({ command }) => command);
        });
        const cut = await typed(now, ["run"]);
        stop();
        assert.notEqual(cut.code, 0, cut.out);
        assert.ok(killed.some((command) => /pulumi up /.test(command)) && killed.length >= 2, killed.join("\n"));
        await waitFor(() => processes().length === 0, { what: "the run's processes to end", timeoutMs: 20_000 });
        const half = atRender();
        assert.notEqual(half, old);
        assert.equal((await below(".pulumi/locks/")).length, 1, "the dead run's lock is still there");
        assert.ok((await below(".journal/")).length > 0, "and its journal");
        assert.equal(await generation(now), 3, "who asks is told what was done");

        const next = await succeeded(typed(now, ["run"]));
        assert.match(next.said, /The lock of a run that died \(process \d+ on this machine\) is taken away\./);
        assert.equal(atRender(), half, "not rotated twice");
        assert.equal(await inVault(), half);
        assert.equal(await generation(now), 3);
        for (const left of [".pulumi/locks/", ".journal/"]) assert.deepEqual(await below(left), []);
        await quiet(now, ["run"]);
      });

      it("makes an application in two parts with one command, and looks at both without the engine", async () => {
        const settings = { "bench:secrets": 3, "secret-rotation:applications": ["many"] };
        await makeStack(folder, "many", settings, { ...world.sandbox.env, ...place.env });
        await succeeded(typed(world.now, ["parts", "many", "--of", "2"], { env: parts() }));
        const all = ["run", "--all-parts", "--stack", "many", "--json"];
        const made = await succeeded(typed(world.now, all, { env: parts() }));
        const { stacks } = JSON.parse(made.out) as Report;
        assert.deepEqual(
          stacks.map(({ what, secrets }) => [what, secrets > 0]),
          [
            ["run", true],
            ["run", true],
          ],
        );
        const again = await quiet(world.later(0, 1), all, parts());
        assert.deepEqual(
          (JSON.parse(again.out) as Report).stacks.map(({ what, touched }) => [what, touched]),
          [
            ["nothing due", []],
            ["nothing due", []],
          ],
        );
        const versions = await world.vaultVersions("many");
        assert.deepEqual(Object.values(versions), [1, 1, 1]);
        for (const name of Object.keys(versions))
          canaries.plant(`many/${name}`, await world.vaultField(`many/${name}`, "value"));
        await forget("many");
      });

      it("holds no value in plain text", async () => {
        const entries = await place.entries();
        for (const [key, { text }] of entries) canaries.search(`${key} on ${kind}`, text);
        canaries.search("what was said", typist.everything.join("\n"));
        assert.ok(canaries.count >= 10 && entries.size >= 10, `${canaries.count} values, ${entries.size} entries`);
        assert.deepEqual([...canaries.found], []);
        // The search does find: else the line before proves nothing.
        const control = new Canaries();
        control.plant(
          "a ciphertext",
          [...entries.values()].map(({ text }) => /"ciphertext":"([^"]{12,})"/.exec(text)?.[1]).find(Boolean),
        );
        for (const [key, { text }] of entries) control.search(key, text);
        assert.ok(control.found.size > 0);
      });
    });
});
