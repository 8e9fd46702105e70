import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gather } from "../../../report/gather.ts";
import { html, json } from "../../../report/html.ts";
import { page } from "../../../report/page.ts";
import { seconds } from "../../../report/sections.ts";
import { writeReport } from "../../../report/write.ts";
import { fleetNow, fleetRecords, fleetRows } from "../../support/fleet.ts";

const rows = fleetRows(60);
const data = gather("production", rows, fleetRecords(rows), fleetNow);

describe("the report's page", () => {
  it("escapes what is not its own", () => {
    const name = `<img src=x onerror="alert('1')">`;
    assert.equal(html`<p title="${name}">${name}</p>`.text.includes("<img"), false);
    assert.equal(json({ name: "</script><script>alert(1)" }).text.includes("</script>"), false);
    const nasty = page({ ...data, stack: name, secrets: [{ ...rows[0]!, owner: name, why: name }] });
    assert.equal(nasty.includes("<img"), false);
  });

  it("loads nothing: no address in any attribute, and a policy that runs its own scripts alone", () => {
    const text = page(data);
    const markup = text.replaceAll(/<(script|style)[^>]*>[\s\S]*?<\/\1>/g, "");
    assert.deepEqual([...markup.matchAll(/\b(?:src|href)="(?!#)[^"]*"/g)].map(String), []);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text)?.[1] ?? "";
    assert.match(policy, /^default-src &#39;none&#39;;/);
    const scripts = [...text.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, source = ""]) => source);
    assert.equal(scripts.length, 4);
    for (const source of scripts)
      assert.ok(policy.includes(createHash("sha256").update(source).digest("base64")), "a script that is not allowed");
  });

  it("has every secret without its script, and says what is wrong in words", () => {
    const text = page(data);
    for (const { secret } of rows) assert.ok(text.includes(secret));
    assert.match(text, /9 days overdue/);
    assert.match(text, /2 sessions use a still/);
  });

  it("says so where nothing is recorded and nothing is due", () => {
    const text = page(gather("empty", [], [], fleetNow));
    for (const said of ["No run is recorded yet.", "Nothing is overdue.", "Nothing is due."])
      assert.ok(text.includes(said), said);
  });

  it("is written whole, for its owner alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "report-"));
    try {
      const file = writeReport(data, join(folder, "report.html"));
      writeReport(data, file);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(folder), ["report.html"]);
      assert.throws(() => writeReport(data, join(folder, "missing", "report.html")), /ENOENT/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("tells lengths of time as people do", () => {
    assert.deepEqual([0.42, 12.4, 185, 7500].map(seconds), ["0.4 s", "12 s", "3 min 5 s", "2 h 5 min"]);
  });
});
