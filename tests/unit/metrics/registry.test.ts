import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { factsOf } from "../../../metrics/facts.ts";
import { Reads, entriesOf } from "../../../metrics/reads.ts";
import { serve } from "../../../metrics/serve.ts";
import { text, writeFile } from "../../../metrics/write.ts";
import { gather } from "../../../report/gather.ts";
import { fleetNow, fleetRecords, fleetRows } from "../../support/fleet.ts";

const rows = fleetRows(60);
const report = gather("production", rows, fleetRecords(rows), fleetNow);
const urn = (type: string, name: string): string => `urn:pulumi:production::secret-rotation::${type}::${name}`;
const [, second] = rows;
const unfinished = rows.find(({ state }) => state === "unfinished")!;
const state = {
  pending: [],
  resources: [
    { urn: urn("a", `${second!.name}/revocation`), type: "rotation:index:Revocation", outputs: { held: 3 } },
    {
      urn: urn("b", `${unfinished.name}/value`),
      type: "rotation:index:Overlap",
      outputs: { generation: 4, fingerprint: "abc" },
      modified: "2027-02-01T03:00:10Z",
    },
    {
      urn: urn("c", `${unfinished.name}/vault`),
      type: "vault:kv/secretV2:SecretV2",
      inputs: { mount: "secret", name: "service-01/KEY" },
      modified: "2027-02-01T03:00:12Z",
    },
    {
      urn: urn("d", `${unfinished.name}/render-api`),
      type: "rotation:render:EnvVar",
      modified: "2027-01-01T03:00:12Z",
    },
  ],
};
const updates = [
  { began: "2027-03-01T02:00:00Z", ended: "2027-03-01T02:01:00Z", succeeded: false },
  { began: "2027-02-28T02:00:00Z", ended: "2027-02-28T02:01:00Z", succeeded: true },
];
const facts = factsOf("production", state, rows, updates, report.runs, fleetNow);
const line = (all: string, name: string, secret: string): number =>
  Number(
    all
      .split("\n")
      .find((each) => each.startsWith(`${name}{`) && each.includes(`"${secret}"`))
      ?.split(" ")
      .pop(),
  );

describe("the metrics", () => {
  it("tell of each secret how old it is, when it is due, and what holds it", async () => {
    const all = await text(facts);
    assert.equal(line(all, "rotation_secret_age_seconds", second!.name), second!.ageDays * 86_400);
    assert.equal(line(all, "rotation_secret_due_timestamp_seconds", second!.name), Date.parse(second!.dueAt) / 1000);
    assert.equal(line(all, "rotation_secret_generation", second!.name), second!.generation);
    assert.equal(line(all, "rotation_secret_revocation_held", second!.name), 3);
    assert.equal(line(all, "rotation_secret_last_result", second!.name), 1);
  });

  it("tell which destinations were not written since the value was made", async () => {
    const all = await text(facts);
    assert.equal(line(all, "rotation_secret_last_result", unfinished.name), 0);
    assert.equal(line(all, "rotation_secret_destinations_outdated", unfinished.name), 1);
    assert.equal(line(all, "rotation_secret_destinations_outdated", second!.name), 0);
    const drifted = factsOf("production", state, [{ ...second!, state: "drifted" }], updates, report.runs, fleetNow);
    assert.equal(line(await text(drifted), "rotation_secret_destinations_outdated", second!.name), 1);
  });

  it("tell how the last run ended and where its time went", async () => {
    const all = await text(facts);
    assert.match(all, /^rotation_run_last_result\{stack="production"\} 0$/m);
    assert.match(all, /^rotation_run_duration_seconds\{stack="production"\} 60$/m);
    assert.match(all, /^rotation_run_phase_seconds\{stack="production",phase="rollout"\} \d+$/m);
    assert.match(all, /\n# EOF\n?$/);
  });

  it("replace the collector's file whole, for everybody to read", async () => {
    const folder = mkdtempSync(join(tmpdir(), "metrics-"));
    try {
      const file = await writeFile(facts, join(folder, "rotation.prom"));
      assert.equal(readFileSync(file, "utf8"), await text(facts));
      assert.deepEqual(readdirSync(folder), ["rotation.prom"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("reads of Vault, counted from its audit log", () => {
  const folder = mkdtempSync(join(tmpdir(), "reads-"));
  const log = join(folder, "audit.log");
  const entry = (path: string, more: object = {}): string =>
    `${JSON.stringify({ type: "response", request: { operation: "read", path }, ...more })}\n`;
  const path = "secret/data/service-01/KEY";
  const entries = entriesOf(state);
  const count = (reads: Reads): number | undefined => reads.counts.get(unfinished.name);
  after(() => rmSync(folder, { recursive: true }));

  it("counts answered reads of the stack's own entries, and nothing else", async () => {
    writeFileSync(log, entry(path));
    const reads = new Reads(log, entries);
    await reads.catchUp();
    assert.equal(count(reads), 0, "what was there before is not counted");
    const others = [
      entry(path, { type: "request" }),
      entry(path, { error: "permission denied" }),
      entry("secret/data/other/KEY"),
      entry(path, { request: { operation: "update", path } }),
      'no JSON "read"\n',
    ];
    appendFileSync(log, entry(path) + others.join("") + entry(path));
    await reads.catchUp();
    await reads.catchUp();
    assert.equal(count(reads), 2);
    assert.equal(reads.counts.size, 1);
  });

  it("goes on behind a line that was half written, and with a new file after a rotation", async () => {
    writeFileSync(log, "");
    const reads = new Reads(log, entries);
    await reads.catchUp();
    const whole = entry(path);
    appendFileSync(log, whole.slice(0, 20));
    await reads.catchUp();
    assert.equal(count(reads), 0);
    appendFileSync(log, whole.slice(20));
    await reads.catchUp();
    assert.equal(count(reads), 1);
    renameSync(log, `${log}.1`);
    writeFileSync(log, whole.repeat(5));
    await reads.catchUp();
    assert.equal(count(reads), 6);
  });
});

describe("the scrape endpoint", () => {
  it("answers this machine in the format that was asked for, and no page of another name", async () => {
    const said: string[] = [];
    const reads = new Reads("/nowhere/audit.log", new Map([["secret/data/x", "visapi/X"]]));
    const current = (): { facts: typeof facts; report: typeof report } => ({ facts, report });
    const { server, port } = await serve({ port: 0, current, reads, say: (line) => said.push(line) });
    try {
      const ask = (path: string, headers: Record<string, string> = {}, method = "GET") =>
        new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
          const sent = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
            let body = "";
            response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
            response.on("end", () =>
              resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", body }),
            );
          });
          sent.on("error", reject).end();
        });
      const open = await ask("/metrics", { accept: "application/openmetrics-text;version=1.0.0" });
      assert.match(open.type, /^application\/openmetrics-text/);
      assert.match(open.body, /^rotation_vault_reads_total\{stack="production",secret="visapi\/X"\} 0$/m);
      assert.match(open.body, /# EOF\n?$/);
      const plain = await ask("/metrics");
      assert.match(plain.type, /^text\/plain/);
      assert.match(plain.body, /^rotation_vault_reads_total\{/m);
      assert.match((await ask("/")).body, /^<!doctype html>/);
      assert.equal((await ask("/", { host: "rebound.example" })).status, 403);
      assert.equal((await ask("/", {}, "POST")).status, 405);
      assert.equal((await ask("/other")).status, 404);
      assert.equal(said.length, 1, "an audit log that cannot be read is told once");
    } finally {
      server.close();
    }
  });
});
