// The metrics, the alerts and the dashboard against Debian's own Prometheus, and reads counted from a real Vault's audit log.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "node:http";
import { execa } from "execa";
import type { Facts } from "../../metrics/facts.ts";
import { Reads } from "../../metrics/reads.ts";
import { serve } from "../../metrics/serve.ts";
import { push, text } from "../../metrics/write.ts";
import { gather } from "../../report/gather.ts";
import { Supervisor } from "../../sandbox/servers/process.ts";
import { freePort } from "../../sandbox/servers/ports.ts";
import { startVault, type Vault } from "../../sandbox/servers/vault.ts";
import { answers, waitFor } from "../../sandbox/servers/wait.ts";
import { ensurePrometheus, ensurePushgateway, type Prometheus } from "../../sandbox/toolchain/observers.ts";
import { startPrometheus, type Running } from "../support/prometheus.ts";
import { buildTimeoutMs, newDir, toolchain } from "./support.ts";

const monitoring = join(import.meta.dirname, "..", "..", "monitoring");
const iso = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString();
const secret = (name: string, more: object = {}): Facts["secrets"][number] => ({
  name,
  class: "HIGH",
  owner: "operations@visanet.com",
  state: "ok",
  generation: 3,
  rotatedAt: iso(-24 * 20),
  dueAt: iso(24 * 10),
  finished: true,
  outdated: 0,
  held: 0,
  ...more,
});
const well: Facts = {
  stack: "staging",
  now: iso(0),
  secrets: [secret("visapi/JWT_SECRET"), secret("visapi/REDIS_URL", { dueAt: iso(-24 * 6) })],
  last: { began: iso(-20.1), ended: iso(-20), succeeded: true },
  phases: { material: 0.4, rollout: 90 },
  fresh: true,
};
const ill: Facts = {
  ...well,
  stack: "production",
  secrets: [
    secret("visapi/JWT_SECRET", { dueAt: iso(-24 * 8), state: "overdue" }),
    secret("visapi/REDIS_URL", { finished: false, outdated: 2, state: "unfinished" }),
    secret("visapi/DATABASE_URL", { held: 3, state: "held" }),
  ],
  last: { began: iso(-27.1), ended: iso(-27), succeeded: false },
  fresh: false,
};

describe("alerts and metrics in a real Prometheus", () => {
  const servers: Server[] = [];
  let tools: Prometheus;
  let prometheus: Running;
  let vault: Vault;
  let supervisor: Supervisor;
  let dir = "";

  before(async function () {
    this.timeout(buildTimeoutMs);
    tools = await ensurePrometheus();
    dir = newDir();
    supervisor = new Supervisor(dir);
    const { vault: binary } = await toolchain();
    const port = await freePort();
    vault = await startVault({ supervisor, dir: join(dir, "vault"), binary, port, keysFile: join(dir, "keys.json") });
    await vault.call("POST", "secret/data/visapi/JWT_SECRET", { data: { value: "not a real one" } });
    const entries = new Map([["secret/data/visapi/JWT_SECRET", "visapi/JWT_SECRET"]]);
    const reads = new Reads(vault.auditLog, entries);
    await reads.catchUp();
    const ports = await Promise.all(
      [ill, well].map(async (facts) => {
        const current = () => ({ facts, report: gather(facts.stack, [], [], new Date()) });
        const served = await serve({ port: 0, current, say: () => undefined, ...(facts === ill ? { reads } : {}) });
        servers.push(served.server);
        return served.port;
      }),
    );
    prometheus = await startPrometheus(
      ports.map((port) => `127.0.0.1:${port}`),
      join(monitoring, "alerts.yaml"),
    );
  });
  after(async () => {
    await prometheus?.stop();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await supervisor?.stop();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  it("have rules that promtool finds right, and whose tests hold", async () => {
    const checked = await execa(tools.promtool, ["check", "rules", join(monitoring, "alerts.yaml")]);
    assert.match(checked.stdout, /SUCCESS: 7 rules found/);
    await execa(tools.promtool, ["test", "rules", join(monitoring, "alerts.test.yaml")]);
  });

  it("are metrics that promtool finds no fault with, as node_exporter reads them", async () => {
    const checked = await execa(tools.promtool, ["check", "metrics"], { input: await text(ill) });
    assert.equal(`${checked.stdout}${checked.stderr}`, "");
  });

  it("are taken by a real Pushgateway, and replaced by the next push of the same stack", async () => {
    const binary = await ensurePushgateway();
    const address = `127.0.0.1:${await freePort()}`;
    const gateway = execa(binary, [`--web.listen-address=${address}`], { reject: false });
    try {
      await waitFor(() => answers(`http://${address}/-/ready`), { what: "the Pushgateway" });
      await push(ill, `http://${address}`);
      await push(well, `http://${address}/`);
      await push({ ...ill, secrets: ill.secrets.slice(0, 1) }, `http://${address}`);
      const held = await (await fetch(`http://${address}/metrics`)).text();
      const series = held.split("\n").filter((line) => line.startsWith("rotation_secret_generation{"));
      assert.deepEqual(series.map((line) => /stack="(\w+)"/.exec(line)?.[1]).sort(), [
        "production",
        "staging",
        "staging",
      ]);
      assert.ok(series.every((line) => line.includes('job="secret-rotation"')));
    } finally {
      gateway.kill();
      await gateway;
    }
    await assert.rejects(
      push(ill, `http://${address}`),
      /The Pushgateway at 127\.0\.0\.1:\d+ did not take the metrics/,
    );
  });

  it("fires each alert for the stack that is ill, and none for the one that is well", async function () {
    this.timeout(180_000);
    await waitFor(async () => (await prometheus.query('rotation_vault_reads_total{stack="production"}')).length > 0, {
      what: "the first scrape",
      timeoutMs: 60_000,
    });
    // From one client at a time, as a loop in an application would.
    for (let read = 0; read < 1300; read++) await vault.call("GET", "secret/data/visapi/JWT_SECRET");
    const wanted = [
      ["DestinationOutdated", "visapi/REDIS_URL"],
      ["RevocationHeld", "visapi/DATABASE_URL"],
      ["RotationFailed", ""],
      ["RotationFailed", "visapi/REDIS_URL"],
      ["RotationRunMissing", ""],
      ["RotationStateUnreadable", ""],
      ["SecretOverdue", "visapi/JWT_SECRET"],
      ["SecretReadTooOften", "visapi/JWT_SECRET"],
    ];
    let firing: string[][] = [];
    await waitFor(
      async () => {
        const alerts = [...(await prometheus.firing()).values()].flat();
        assert.deepEqual(
          [...new Set(alerts.map(({ labels }) => labels["stack"]))].filter((stack) => stack !== "production"),
          [],
        );
        firing = alerts.map(({ labels }) => [labels["alertname"] ?? "", labels["secret"] ?? ""]).sort();
        return JSON.stringify(firing) === JSON.stringify(wanted);
      },
      { what: "all alerts to fire", timeoutMs: 90_000, everyMs: 500 },
    ).catch(() => assert.deepEqual(firing, wanted));
    // The alert may fire between two scrapes: every read is counted by a later one.
    let counted: string | undefined;
    await waitFor(
      async () => {
        const [reads] = await prometheus.query('rotation_vault_reads_total{secret="visapi/JWT_SECRET"}');
        counted = reads?.value[1];
        return counted === "1300";
      },
      { what: "all reads to be counted", timeoutMs: 30_000, everyMs: 500 },
    ).catch(() => assert.equal(counted, "1300"));
  });

  it("has a dashboard in which every panel shows something", async () => {
    const dashboard = JSON.parse(readFileSync(join(monitoring, "grafana.json"), "utf8")) as Dashboard;
    assert.ok(dashboard.title && dashboard.uid && dashboard.schemaVersion >= 30);
    assert.deepEqual(
      dashboard.templating.list.map(({ name, type }) => [name, type]),
      [
        ["datasource", "datasource"],
        ["stack", "query"],
      ],
    );
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    for (const [at, { title, type, gridPos, targets, datasource }] of dashboard.panels.entries()) {
      assert.ok(["stat", "table", "timeseries", "bargauge"].includes(type), `${title}: ${type}`);
      assert.equal(datasource.uid, "${datasource}");
      assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, `${title} is too wide`);
      for (const other of dashboard.panels.slice(at + 1))
        assert.ok(!overlap(gridPos, other.gridPos), `${title} and ${other.title}`);
      for (const { expr } of targets) {
        const found = await prometheus.query(expr.replaceAll("$stack", ".*"));
        assert.ok(found.length > 0, `${title} shows nothing: ${expr}`);
      }
    }
  });
});

interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** What of Grafana's dashboards is looked at (grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model). */
interface Dashboard {
  title: string;
  uid: string;
  schemaVersion: number;
  templating: { list: { name: string; type: string }[] };
  panels: {
    id: number;
    type: string;
    title: string;
    gridPos: Place;
    datasource: { uid: string };
    targets: { expr: string }[];
  }[];
}

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
