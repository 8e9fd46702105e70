// The page: one file that needs no server and no network. A policy in its head forbids it any.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { phases, type ReportData } from "./data.ts";
import { Html, html, json } from "./html.ts";
import { attention, inventory, rowsAtOnce, runs, summary } from "./sections.ts";

const here = import.meta.dirname;
const { resolve } = createRequire(import.meta.url);

/** A library as its authors ship it for browsers. */
function library(name: string, file: string): string {
  let folder = dirname(resolve(name));
  while (!folder.endsWith(join("node_modules", name))) folder = dirname(folder);
  return readFileSync(join(folder, file), "utf8");
}

/** Run in this order. Plot draws with d3; neither reaches for the network. */
function scripts(): string[] {
  return [
    library("d3", "dist/d3.min.js"),
    library("@observablehq/plot", "dist/plot.umd.min.js"),
    ...["inventory.js", "charts.js"].map((name) => readFileSync(join(here, "client", name), "utf8")),
  ];
}

/** Browsers run a script only if the page's policy names its hash. */
function hashOf(script: string): string {
  return `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
}

/** The whole page as text. It holds no value: `ReportData` has none. */
export function page(data: ReportData): string {
  const sources = scripts();
  const css = readFileSync(join(here, "style.css"), "utf8");
  const policy = `default-src 'none'; script-src ${sources.map(hashOf).join(" ")}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
  const title = `Secret rotation: ${data.stack}`;
  const owners = [...new Set(data.secrets.map(({ owner }) => owner))].sort();
  const states = [...new Set(data.secrets.map(({ state }) => state))].sort();
  const classes = ["CRITICAL", "HIGH", "MEDIUM", "LOW"].filter((name) =>
    data.secrets.some((row) => row.class === name),
  );
  const made = `${data.now.slice(0, 16).replace("T", " ")} UTC`;
  const body = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>${title}</title>
      <style>
        ${new Html(css)}
      </style>
    </head>
    <body>
      <a class="skip" href="#inventory-title">Skip to the inventory</a>
      <header>
        <h1>${title}</h1>
        <p class="muted">What the stack remembered on ${made}. It holds no value of a secret. Times are UTC.</p>
        <nav aria-label="Sections">
          <a href="#due-title">Due</a> <a href="#inventory-title">Inventory</a> <a href="#timeline-title">Timeline</a>
          <a href="#runs-title">Runs</a>
        </nav>
      </header>
      <main>
        <section aria-labelledby="summary-title">
          <h2 id="summary-title" class="visually-hidden">Summary</h2>
          ${summary(data)}
        </section>
        <section aria-labelledby="due-title">
          <h2 id="due-title">What is overdue, and what is next</h2>
          <figure id="calendar" class="chart" aria-labelledby="calendar-caption"></figure>
          <p id="calendar-caption" class="muted">
            Secrets that fall due, by week and class; what is past due stands left of today.
          </p>
          ${attention(data)}
        </section>
        <section aria-labelledby="inventory-title">
          <h2 id="inventory-title" tabindex="-1">Inventory</h2>
          ${controls(classes, states, owners, data.secrets.length)} ${inventory(data)}
        </section>
        <section aria-labelledby="timeline-title">
          <h2 id="timeline-title">Timeline of generations</h2>
          <p class="muted">Each bar is one value's life, with its number. The search above chooses what is drawn.</p>
          <ul class="legend" aria-label="Legend">
            <li><span class="swatch live"></span>in use</li>
            <li><span class="swatch past"></span>replaced</li>
            <li><span class="swatch grace"></span>grace: accepted beside its successor</li>
            <li><span class="swatch diamond"></span>due</li>
          </ul>
          <div class="controls">
            <label
              >Span
              <select id="span">
                <option value="90">90 days</option>
                <option value="365" selected>a year</option>
                <option value="">all</option>
              </select></label
            >
            <button type="button" id="timeline-back">Earlier names</button>
            <button type="button" id="timeline-on">Later names</button>
            <span id="timeline-place" role="status"></span>
          </div>
          <figure id="timeline" class="chart"></figure>
          <details id="timeline-table">
            <summary>The same as a table</summary>
            <div></div>
          </details>
        </section>
        <section aria-labelledby="runs-title">
          <h2 id="runs-title">Runs, and where their time went</h2>
          <figure id="phases" class="chart"></figure>
          ${runs(data)}
        </section>
      </main>
      <footer class="muted">Made by <code>rotate report</code>.</footer>
      <script type="application/json" id="data">
        ${json(forCharts(data))}
      </script>
      ${sources.map((source) => new Html(`<script>${source}</script>`))}
    </body>
  </html>`;
  return `<!doctype html>\n${body.text}\n`;
}

function controls(classes: string[], states: string[], owners: string[], total: number): Html {
  const select = (id: string, label: string, values: string[]): Html =>
    html`<label
      >${label}
      <select id="${id}">
        <option value="">any</option>
        ${values.map((value) => html`<option>${value}</option>`)}
      </select></label
    >`;
  return html`<form class="controls" role="search" aria-label="Inventory" id="filters">
    <label class="wide"
      >Search
      <input
        type="search"
        id="search"
        autocomplete="off"
        spellcheck="false"
        aria-keyshortcuts="/"
        placeholder="name, owner, destination, state"
      />
    </label>
    ${select("class", "Class", classes)} ${select("state", "State", states)} ${select("owner", "Owner", owners)}
    <button type="button" id="all" aria-controls="inventory" hidden>Show all</button>
    <span id="shown" role="status">${total} secrets</span>
  </form>`;
}

/** What the charts need of the data, in short. */
function forCharts({ now, secrets, generations, runs }: ReportData): unknown {
  return {
    now,
    phases,
    rowsAtOnce,
    secrets: secrets.map(({ name, class: level, dueAt, state, rotatedAt, generation }) => ({
      name,
      class: level,
      dueAt,
      state,
      rotatedAt,
      generation,
    })),
    generations,
    runs: runs.slice(0, 30),
  };
}
