// What the engine's client is answered, and what nobody else is.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { fileStore } from "../../../../cli/backends/files.ts";
import { kinds } from "../../../../cli/journal/entries.ts";
import { JournalService } from "../../../../cli/journal/service.ts";

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

describe("what answers the engine in place of Pulumi Cloud", () => {
  let dir: string;
  let service: JournalService;
  const resources = [{ urn: "urn:pulumi:app::p::t:i:T::1", type: "t:i:T" }];
  const state = (): string => readFileSync(join(dir, ".pulumi", "stacks", "p", "app.json"), "utf8");

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "journal-service-"));
    mkdirSync(join(dir, ".pulumi", "stacks", "p"), { recursive: true });
    const written = JSON.stringify({ version: 3, checkpoint: { stack: "organization/p/app", latest: { resources } } });
    writeFileSync(join(dir, ".pulumi", "stacks", "p", "app.json"), written);
    service = await JournalService.start({ store: fileStore(dir), project: "p", stack: "app" });
  });
  afterEach(async () => {
    await service.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const { PULUMI_BACKEND_URL: url = "", PULUMI_ACCESS_TOKEN: token = "" } = service.env;
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `token ${token}`, "user-agent": "pulumi-cli/1 (v3.259.0; linux)", ...headers },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer["body"] };
  }
  const own = "/api/stacks/organization/p/app";
  const begin = async (): Promise<void> => {
    assert.equal((await ask("POST", `${own}/update`, { config: {}, metadata: { message: "why" } })).status, 200);
    const { status, body } = await ask("POST", `${own}/update/update`, { journalVersion: 1 });
    assert.deepEqual([status, body["journalVersion"]], [200, 1]);
  };

  it("takes a run from its start to its end", async () => {
    assert.equal((await ask("GET", own)).body["stackName"], "app");
    await begin();
    assert.deepEqual((await ask("GET", `${own}/export`)).body["deployment"], { resources });
    const made = { urn: "urn:pulumi:app::p::t:i:T::2", type: "t:i:T" };
    const entries = [{ version: 1, kind: kinds.success, sequenceID: 1, operationID: 1, state: made }];
    const gzip = { "content-encoding": "gzip" };
    const batch = gzipSync(JSON.stringify({ entries }));
    assert.equal((await ask("PATCH", `${own}/update/update/journalentries`, batch, gzip)).status, 200);
    const events = gzipSync(JSON.stringify({ events: [{ summaryEvent: { resourceChanges: { create: 1 } } }] }));
    assert.equal((await ask("POST", `${own}/update/update/events/batch`, events, gzip)).status, 200);
    assert.equal((await ask("POST", `${own}/update/update/complete`, { status: "succeeded" })).status, 200);
    assert.match(state(), /T::2.*T::1/);
    const folder = join(dir, ".pulumi", "history", "p", "app");
    const file = readdirSync(folder).find((name) => name.includes(".history."));
    const { result, message, resourceChanges } = JSON.parse(readFileSync(join(folder, file ?? ""), "utf8")) as Record<
      string,
      unknown
    >;
    assert.deepEqual([result, message, resourceChanges], ["succeeded", "why", { create: 1 }]);
  });

  it("ends the run of an engine that died", async () => {
    await begin();
    await service.stop();
    const folder = join(dir, ".pulumi", "history", "p", "app");
    const file = readdirSync(folder).find((name) => name.includes(".history."));
    assert.match(readFileSync(join(folder, file ?? ""), "utf8"), /"result":"failed"/);
    assert.deepEqual(readdirSync(join(dir, ".pulumi", "locks", "organization", "p", "app")), []);
    service = await JournalService.start({ store: fileStore(dir), project: "p", stack: "app" });
  });

  it("answers a preview, which takes no lock", async () => {
    assert.equal((await ask("POST", `${own}/preview`, {})).status, 200);
    const { body } = await ask("POST", `${own}/preview/preview`, { journalVersion: 1 });
    assert.equal(body["journalVersion"], undefined);
    assert.deepEqual(readdirSync(join(dir, ".pulumi")), ["stacks"]);
  });

  it("answers nobody without the token of this run", async () => {
    for (const authorization of ["", "token ", "token 0", `Bearer ${service.env["PULUMI_ACCESS_TOKEN"]}`])
      assert.equal((await ask("GET", `${own}/export`, undefined, { authorization })).status, 401);
  });

  it("says that a second run has to wait, and for whom", async () => {
    await begin();
    const other = await JournalService.start({ store: fileStore(dir), project: "p", stack: "app" });
    const first = service;
    service = other;
    const { status, body } = await ask("POST", `${own}/update/update`, { journalVersion: 1 });
    assert.equal(status, 409);
    assert.match(String(body["message"]), /the stack is currently locked by 1 lock\(s\)/);
    await other.stop();
    service = first;
  });

  it("tells of other stacks in the same backend what a reference to them asks for, and lets nobody write there", async () => {
    mkdirSync(join(dir, ".pulumi", "stacks", "q"));
    const latest = { resources: [{ urn: "urn:pulumi:x::q::pulumi:pulumi:Stack::q-x", outputs: { port: 1 } }] };
    writeFileSync(
      join(dir, ".pulumi", "stacks", "q", "x.json"),
      JSON.stringify({ version: 3, checkpoint: { latest } }),
    );
    writeFileSync(join(dir, ".pulumi", "stacks", "q", "new.json"), JSON.stringify({ version: 3, checkpoint: {} }));
    const other = "/api/stacks/organization/q/x";
    const { projectName, stackName } = (await ask("GET", other)).body;
    assert.deepEqual([projectName, stackName], ["q", "x"]);
    assert.deepEqual((await ask("GET", `${other}/export`)).body["deployment"], latest);
    assert.equal((await ask("GET", "/api/stacks/organization/q/new/export")).status, 200);
    for (const [method, path] of [
      ["GET", "/api/stacks/organization/q/none"],
      ["GET", "/api/stacks/organization/q/..%2Fp%2Fapp"],
      ["POST", `${other}/update`],
      ["DELETE", other],
    ] as const)
      assert.equal((await ask(method, path, method === "POST" ? {} : undefined)).status, 404, `${method} ${path}`);
  });
  it("refuses what it does not know, and an engine without a journal", async () => {
    assert.equal((await ask("GET", "/api/stacks/organization/p/other/export")).status, 404);
    assert.equal((await ask("PATCH", `${own}/update/update/checkpoint`, {})).status, 404);
    assert.equal((await ask("PATCH", `${own}/update/update/journalentries`, { entries: [] })).status, 409);
    const { status, body } = await ask("POST", `${own}/update/update`, {});
    assert.deepEqual(
      [status, body["message"]],
      [400, "pulumi 3.259.0 keeps no journal; install a newer one: this is made for 3.259.0"],
    );
  });
});
