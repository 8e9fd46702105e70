// The notes that jobs leave beside the state: which locks they prove to be dead, and which they do not.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../../../ci/context.ts";
import { JobNotes, judgeLock, readNote, type JobNote } from "../../../ci/jobs.ts";
import { fileStore } from "../../../cli/backends/files.ts";
import type { Store } from "../../../cli/backends/store.ts";
import type { Lock } from "../../../cli/locks.ts";
import { GithubSimulator } from "../../../sandbox/simulators/github.ts";

const minute = (count: number): string => new Date(Date.parse("2027-03-01T03:00:00Z") + count * 60_000).toISOString();
const note: JobNote = { repository: "acme/app", runId: 5, attempt: 2, hostname: "there", at: minute(0) };
const lock: Lock = { key: "k", user: "runner", host: "there", pid: 7, at: minute(1) };

describe("the lock of a job", () => {
  const url = "https://github.test/acme/app/actions/runs/5/attempts/2";
  const ended = { status: "completed", updated_at: minute(10) };

  it("is dead when its run has ended", () => {
    const { gone, why } = judgeLock(lock, note, ended, url);
    assert.deepEqual([gone, why], [true, `The lock of a job whose run has ended (${url}) is taken away.`]);
  });
  it("stays as long as that is not proven", () => {
    const cases: [ReturnType<typeof judgeLock>, RegExp][] = [
      [judgeLock(lock, undefined, undefined, ""), /of which no job of GitHub Actions has left a note/],
      [judgeLock(lock, note, undefined, url), /is another repository's/],
      [judgeLock(lock, note, { failed: "no answer" }, url), /is not known: no answer/],
      ...["queued", "in_progress", "waiting", "requested", "pending"].map(
        (status): [ReturnType<typeof judgeLock>, RegExp] => [
          judgeLock(lock, note, { ...ended, status }, url),
          new RegExp(`attempts/2, and GitHub says that this run is ${status}`),
        ],
      ),
      // A person's, on a machine whose name a job had before or has had since.
      [judgeLock({ ...lock, at: minute(-5) }, note, ended, url), /before that began or after/],
      [judgeLock({ ...lock, at: minute(60) }, note, ended, url), /before that began or after/],
      [judgeLock({ ...lock, at: "unreadable" }, note, ended, url), /before that began or after/],
    ];
    for (const [{ gone, why }, words] of cases) {
      assert.equal(gone, false, why);
      assert.match(why, words);
    }
  });
  it("has a note that is whole, or none", () => {
    assert.deepEqual(readNote(JSON.stringify(note)), note);
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      JSON.stringify({ ...note, runId: "5" }),
      JSON.stringify({ ...note, at: "x" }),
    ])
      assert.equal(readNote(text), undefined, text);
  });
});

describe("notes of jobs beside the state", () => {
  let github: GithubSimulator;
  let folder: string;
  let store: Store;
  const jobs = ".pulumi/secret-rotation/secret-rotation/staging/jobs/";
  const locks = ".pulumi/locks/organization/secret-rotation/staging/";
  beforeEach(async () => {
    github = await new GithubSimulator({
      token: "t",
      repositories: [{ owner: "acme", name: "app" }],
      limitScale: 1000,
    }).start();
    folder = mkdtempSync(join(tmpdir(), "jobs-"));
    store = fileStore(folder);
  });
  afterEach(async () => {
    await github.stop();
    rmSync(folder, { recursive: true });
  });
  const start = (here: string, { attempt = 1, token = "t", repository = "acme/app" } = {}) => {
    const runId = github.startRun("acme", "app", { attempt });
    const context: Context = {
      ...{ repository, runId, attempt, token, event: "schedule", by: "x", workflow: "rotate" },
      ...{ serverUrl: "https://github.test", runUrl: "", apiUrl: `${github.url}/api/v3` },
    };
    return {
      runId,
      notes: new JobNotes(store, { project: "secret-rotation", stack: "staging" }, context, here),
      end: () => github.endRun("acme", "app", runId, "cancelled"),
    };
  };
  const keep = (host: string): Promise<void> =>
    store.write(
      `${locks}${host}.json`,
      JSON.stringify({ pid: 7, username: "runner", hostname: host, timestamp: new Date().toISOString() }),
    );
  const lockOf = (host: string): Lock => ({ ...lock, host, at: new Date().toISOString() });

  it("are left and taken away by the job itself", async () => {
    const { notes, runId } = start("one");
    assert.equal(await notes.enter(), undefined);
    const left = readNote((await store.read(`${jobs}one.json`))?.toString("utf8") ?? "");
    assert.deepEqual({ ...left, at: "" }, { repository: "acme/app", runId, attempt: 1, hostname: "one", at: "" });
    await notes.leave();
    assert.deepEqual(await store.list(jobs), []);
  });

  it("tell of a lost machine once GitHub says that its run has ended, and go with its lock", async () => {
    const [lost, next] = [start("one"), start("two")];
    await lost.notes.enter();
    await keep("one");
    await next.notes.enter();
    const before = await next.notes.fate(lockOf("one"));
    assert.equal(before.gone, false);
    assert.match(before.why, new RegExp(`/acme/app/actions/runs/${lost.runId}/attempts/1, and .* is in_progress`));
    await next.notes.leave();
    assert.deepEqual(await store.list(jobs), [`${jobs}one.json`]);

    lost.end();
    const after = start("two");
    await after.notes.enter();
    assert.equal((await after.notes.fate(lockOf("one"))).gone, true);
    assert.equal((await after.notes.fate(lockOf("three"))).gone, false);
    await after.notes.leave();
    assert.deepEqual(
      await store.list(jobs),
      [`${jobs}one.json`],
      "its lock is there, and nothing else tells whose it is",
    );
    await store.remove(`${locks}one.json`);
    await after.notes.leave();
    assert.deepEqual(await store.list(jobs), []);
  });

  it("stay where the job's own lock stayed", async () => {
    const { notes } = start("one");
    await notes.enter();
    await keep("one");
    await notes.leave();
    assert.deepEqual(await store.list(jobs), [`${jobs}one.json`]);
  });

  it("keep two jobs apart whose machines bear the same name", async () => {
    const [one, two] = [start("same"), start("same")];
    await one.notes.enter();
    await one.notes.enter();
    await assert.rejects(two.notes.enter(), /works at staging on a machine named same .* says that it is in_progress/);
    assert.equal(readNote((await store.read(`${jobs}same.json`))?.toString("utf8") ?? "")?.runId, one.runId);
    one.end();
    const three = start("same");
    assert.equal(await three.notes.enter(), undefined);
    const elsewhere = start("same", { repository: "acme/other" });
    await assert.rejects(elsewhere.notes.enter(), /whether it has ended is not known\. .*delete \S+\/jobs\/same\.json/);
  });

  it("say so when GitHub does not answer for them", async () => {
    await start("one").notes.enter();
    const refused = start("two", { token: "wrong" });
    const { gone, why } = await refused.notes.fate(lockOf("one"));
    assert.equal(gone, false);
    assert.match(why, /is not known: GitHub answered 401/);
    await assert.rejects(
      start("one", { token: "wrong" }).notes.enter(),
      /whether it has ended is not known: GitHub answered 401/,
    );
  });

  it("tell of an earlier attempt of the same run", async () => {
    const runId = github.startRun("acme", "app", { attempt: 2 });
    await store.write(
      `${jobs}one.json`,
      JSON.stringify({ ...note, runId, attempt: 1, hostname: "one", at: new Date() }),
    );
    assert.equal((await start("two").notes.fate(lockOf("one"))).gone, true);
  });
});
