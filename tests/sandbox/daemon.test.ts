// The daemon: one for each folder however many ask, gone when told to, and replaceable when it was killed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { connectOrStart, sandboxStatus, stopSandbox } from "../../sandbox/client.ts";
import { readDaemon } from "../../sandbox/daemon-file.ts";
import { identityOf } from "../../sandbox/servers/identity.ts";
import { leftovers } from "../../sandbox/servers/process.ts";
import { allGone, buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const silent = (): void => undefined;

describe("daemon", function () {
  this.timeout(60_000);
  const dir = newDir();
  before(async function () {
    this.timeout(buildTimeoutMs);
    await toolchain();
  });
  after(() => discard(dir));

  const healthy = async (env: Record<string, string>): Promise<boolean> =>
    (await fetch(`${env.VISAPI_API_URL}/api/v1/healthz`)).ok;

  it("is one, however many start it at once", async () => {
    const lines: string[] = [];
    const connections = await Promise.all(
      [1, 2, 3].map(() => connectOrStart(dir, (line) => lines.push(line), { toolchain })),
    );
    const [first] = connections;
    assert.ok(first);
    assert.equal(new Set(connections.map(({ pid }) => pid)).size, 1);
    assert.equal(connections.filter(({ started }) => started).length, 1);
    assert.deepEqual(connections[1]?.env, first.env);
    assert.ok(lines.some((line) => line.startsWith("✓ postgresql")));
    assert.ok(await healthy(first.env));
    assert.equal(statSync(join(dir, "daemon.json")).mode & 0o077, 0);
  });

  it("lets only those in who know its token", async () => {
    const daemon = readDaemon(dir) ?? assert.fail("no daemon");
    for (const path of ["/status", "/stop"]) {
      const response = await fetch(`http://127.0.0.1:${daemon.port}${path}`, { method: "POST" });
      assert.equal(response.status, 401);
    }
    assert.equal((await sandboxStatus(dir))?.state, "ready");
  });

  it("gives a shell its environment without printing a value", async () => {
    const { env } = await connectOrStart(dir, silent, { toolchain });
    const script = new URL("../../sandbox/shell.ts", import.meta.url).pathname;
    const stack = ["--stack", "sandbox-intelliflow"];
    const print = execFileSync(process.execPath, [script, "--dir", dir, ...stack, "--print"], { encoding: "utf8" });
    assert.equal(
      print,
      `. '${dir}/env.sh'; export PULUMI_STACK='sandbox-intelliflow' PULUMI_OPTION_CONFIG_FILE='${dir}/Pulumi.sandbox-intelliflow.yaml'\n`,
    );
    const shown = execFileSync(
      "sh",
      ["-c", `${print}printf '%s\\n' "$VAULT_TOKEN" "$PULUMI_CONFIG_PASSPHRASE" "$PULUMI_STACK" "$PATH"`],
      {
        encoding: "utf8",
      },
    ).split("\n");
    assert.deepEqual(shown.slice(0, 3), [env.VAULT_TOKEN, env.PULUMI_CONFIG_PASSPHRASE, "sandbox-intelliflow"]);
    assert.equal(shown[3]?.split(":")[0], (await toolchain()).binDir);
    const run = [script, "--dir", dir, "sh", "-c", 'test -n "$VAULT_TOKEN" && exit 7'];
    assert.throws(() => execFileSync(process.execPath, run), { status: 7 });
  });

  it("leaves nothing behind when killed, and nothing in the way of the next one", async () => {
    const { env, pid } = await connectOrStart(dir, silent, { toolchain });
    const pids = leftovers(dir);
    assert.ok(pids.length >= 7);
    process.kill(pid, "SIGKILL");
    await allGone([pid, ...pids], 5_000);

    const next = await connectOrStart(dir, silent, { toolchain });
    assert.notEqual(next.pid, pid);
    // Each start logs in to Vault anew.
    assert.notEqual(next.env["VAULT_TOKEN"], env["VAULT_TOKEN"]);
    assert.deepEqual({ ...next.env, VAULT_TOKEN: "" }, { ...env, VAULT_TOKEN: "" });
    assert.ok(await healthy(next.env));
  });

  it("starts at once after a kill of the daemon, the guard and everything it knew", async () => {
    const { pid } = await connectOrStart(dir, silent, { toolchain });
    const pids = leftovers(dir);
    // Stopped processes cannot tidy up, and the servers survive: the next start has to.
    const guard = pids.find((each) =>
      execFileSync("cat", [`/proc/${each}/cmdline`], { encoding: "utf8" }).includes("guard"),
    );
    assert.ok(guard);
    process.kill(pid, "SIGSTOP");
    process.kill(guard, "SIGKILL");
    process.kill(pid, "SIGKILL");
    await allGone([pid, guard], 5_000);
    assert.ok(
      pids.some((each) => identityOf(each) !== undefined),
      "the servers are orphans now",
    );
    const next = await connectOrStart(dir, silent, { toolchain });
    assert.ok(await healthy(next.env));
    await allGone(pids, 0);
  });

  it("stops on request, leaving no process, and again without complaint", async () => {
    const daemon = readDaemon(dir) ?? assert.fail("no daemon");
    const pids = [daemon.pid, ...leftovers(dir)];
    assert.equal(await stopSandbox(dir), true);
    await allGone(pids, 0);
    assert.equal(await sandboxStatus(dir), undefined);
    assert.equal(await stopSandbox(dir), false);
  });

  it("stops on SIGTERM", async () => {
    const { pid } = await connectOrStart(dir, silent, { toolchain });
    const pids = leftovers(dir);
    process.kill(pid, "SIGTERM");
    await allGone([pid, ...pids], 20_000);
    assert.equal(readDaemon(dir), undefined);
  });

  it("passes on why it could not start", async () => {
    const other = newDir();
    const broken = async () => ({ ...(await toolchain()), redisServer: "/nowhere/redis-server" });
    await assert.rejects(connectOrStart(other, silent, { toolchain: broken }), (error: Error) => {
      assert.match(error.message, /did not start: redis could not be started from \/nowhere\/redis-server/);
      assert.match(error.message, /Its log is .*daemon\.log/);
      return true;
    });
    assert.deepEqual(leftovers(other), []);
    await discard(other);
    rmSync(other, { recursive: true, force: true });
  });
});
