// The report's page in a real browser, with a thousand secrets: what a person sees, with eyes, keys or a screen reader.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gather } from "../../report/gather.ts";
import { writeReport } from "../../report/write.ts";
import { openFile, type Opened } from "../support/browser.ts";
import { contrastProblems, outlineProblems } from "../support/page-checks.ts";
import { fleetNow, fleetRecords, fleetRows } from "../support/fleet.ts";

describe("the report of a thousand secrets, in Chromium", () => {
  const folder = mkdtempSync(join(tmpdir(), "report-"));
  let opened: Opened;
  const rows = fleetRows(1000);

  before(async function () {
    this.timeout(600_000);
    const data = gather("production", rows, fleetRecords(rows), fleetNow);
    opened = await openFile(writeReport(data, join(folder, "report.html")));
  });
  after(async () => {
    await opened?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = async <T>(expression: string): Promise<T> => (await opened.page.evaluate(expression)) as T;
  /** Text of the elements that can be seen. */
  const seen = (selector: string): Promise<string[]> =>
    ask(`[...document.querySelectorAll(${JSON.stringify(selector)})]
      .filter((element) => element.getClientRects().length > 0).map((element) => element.textContent.trim())`);
  const status = (): Promise<string> => ask("document.getElementById('shown').textContent");
  const drawn = (): Promise<void> =>
    ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))");
  /** Types like a person, after taking away what stands there; resolves when the page has drawn the result. */
  async function search(text: string): Promise<void> {
    await ask("document.getElementById('search').value = ''");
    await opened.page.focus("#search");
    await opened.page.keyboard.type(`${text} `);
    await drawn();
  }

  it("finds one among a thousand, and draws its timeline alone", async () => {
    await search("redis_url_0005");
    assert.equal(await status(), "1 of 1000 secrets");
    assert.equal((await seen("#inventory tbody tr")).length, 1);
    const [timeline] = await seen("#timeline svg");
    assert.match(timeline ?? "", /service-01\/REDIS_URL_0005/);
    assert.doesNotMatch(timeline ?? "", /REDIS_URL_0011/);
  });

  it("finds by several words in any order, and says when nothing fits", async () => {
    await search("critical service-03");
    const expected = rows.filter((row) => row.application === "service-03" && row.class === "CRITICAL").length;
    assert.equal(await status(), `${expected} of 1000 secrets`);
    await search("no such secret");
    assert.equal(await status(), "0 of 1000 secrets");
    assert.match((await seen("#timeline")).join(""), /No secret fits the search/);
  });

  it("shows a hundred at once and all on request", async () => {
    await search("");
    assert.equal((await seen("#inventory tbody tr")).length, 100);
    assert.match(await status(), /^1000 secrets, the first 100 shown$/);
    await opened.page.click("#all");
    assert.equal((await seen("#inventory tbody tr")).length, 1000);
  });

  it("filters by class, state and owner", async () => {
    await opened.page.select("#state", "overdue");
    await drawn();
    const expected = rows.filter(({ state }) => state === "overdue").length;
    assert.equal(await status(), `${expected} of 1000 secrets`);
    await opened.page.select("#state", "");
  });

  it("sorts by each column, and tells a screen reader so", async () => {
    await opened.page.click('#inventory th[data-key="due"] button');
    const order = (): Promise<string[]> =>
      ask("[...document.querySelectorAll('#inventory tbody tr td:nth-child(5)')].map((cell) => cell.dataset.v)");
    assert.deepEqual(await order(), rows.map(({ dueAt }) => dueAt).sort());
    assert.equal(await ask("document.querySelector('th[data-key=due]').ariaSort"), "ascending");
    await opened.page.click('#inventory th[data-key="due"] button');
    assert.deepEqual(
      (await order()).slice(0, 1),
      rows
        .map(({ dueAt }) => dueAt)
        .sort()
        .slice(-1),
    );
  });

  it("is used by keys alone: skip link, search by /, every control in reach", async () => {
    await opened.page.reload();
    await opened.page.keyboard.press("Tab");
    const focused = (): Promise<string> =>
      ask("document.activeElement.id || document.activeElement.textContent.trim()");
    assert.equal(await focused(), "Skip to the inventory");
    await opened.page.keyboard.press("Enter");
    await opened.page.keyboard.press("Tab");
    assert.equal(await focused(), "search");
    await opened.page.keyboard.press("Tab");
    assert.equal(await focused(), "class");
    await ask("document.activeElement.blur()");
    await opened.page.keyboard.press("/");
    assert.equal(await focused(), "search");
    const outline = await ask("getComputedStyle(document.getElementById('search')).outlineStyle");
    assert.notEqual(outline, "none");
  });

  it("has landmarks, headings, names and roles for a screen reader", async () => {
    assert.deepEqual(await outlineProblems(opened.page), []);
    const tree = await opened.page.accessibility.snapshot({ interestingOnly: false });
    const text = JSON.stringify(tree);
    for (const role of ["banner", "main", "navigation", "search", "contentinfo", "table"])
      assert.match(text, new RegExp(`"role":"${role}"`), role);
    assert.match(text, /Timeline of \d+ generations of 40 secrets/);
  });

  for (const scheme of ["light", "dark"])
    it(`has text that can be read: contrast of 4.5 to 1 and more, ${scheme}`, async () => {
      await opened.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      const back = await ask("getComputedStyle(document.body).backgroundColor");
      assert.equal(back, scheme === "dark" ? "rgb(20, 23, 28)" : "rgb(255, 255, 255)");
      assert.deepEqual(await contrastProblems(opened.page), []);
    });

  it("prints all of it on white, without controls, with the table's head on each page", async () => {
    await opened.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
    await opened.page.emulateMediaType("print");
    const style = (selector: string, property: string): Promise<unknown> =>
      ask(`getComputedStyle(document.querySelector(${JSON.stringify(selector)})).${property}`);
    assert.equal(await style("body", "backgroundColor"), "rgb(255, 255, 255)");
    assert.equal(await style("#inventory thead", "display"), "table-header-group");
    assert.equal(await style(".scroll", "maxHeight"), "none");
    assert.deepEqual(await seen("nav"), []);
    assert.deepEqual(await seen(".controls label"), []);
    assert.equal((await seen("#inventory tbody tr")).length, 1000);
    const pdf = Buffer.from(await opened.page.pdf({ format: "A4" }));
    assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
    await opened.page.emulateMediaType("screen");
  });

  it("complained of nothing, and asked for nothing but itself", () => {
    assert.deepEqual(opened.complaints, []);
  });
});
