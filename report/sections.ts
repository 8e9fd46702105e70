// The parts of the report's page as HTML. They are complete without the script: it only searches, sorts and draws.
import type { Row } from "../cli/inventory.ts";
import { due } from "../cli/table.ts";
import { coming, daysUntil, grave, overdue, phases, type ReportData, type Run } from "./data.ts";
import { html, type Html } from "./html.ts";

const marks: Record<string, string> = {
  ok: "✓",
  "on request": "✓",
  due: "◔",
  held: "‖",
  overdue: "!",
  unfinished: "!",
  drifted: "≠",
};

export function summary(data: ReportData): Html {
  const { secrets, now, runs } = data;
  const count = (test: (row: Row) => boolean): number => secrets.filter(test).length;
  const week = count(({ dueAt }) => daysUntil(dueAt, now) >= 0 && daysUntil(dueAt, now) <= 7);
  const failed = runs.filter(({ result }) => result !== "done").length;
  const tiles: [label: string, value: number, tone: string][] = [
    ["secrets", secrets.length, ""],
    ["overdue", count(({ dueAt }) => daysUntil(dueAt, now) < 0), "bad"],
    ["due within 7 days", week, "attention"],
    ["held back", count(({ state }) => state === "held"), "attention"],
    ["unfinished or drifted", count(({ state }) => grave.includes(state) && state !== "overdue"), "bad"],
    [`of ${runs.length} runs failed`, failed, "bad"],
  ];
  return html`<dl class="tiles">
    ${tiles.map(
      ([label, value, tone]) =>
        html`<div class="tile ${value > 0 ? tone : ""}">
          <dt>${label}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

export function attention(data: ReportData): Html {
  const late = overdue(data);
  const next = coming(data, 12);
  return html`<div class="columns">
    <div>
      <h3>Overdue and unfinished</h3>
      ${late.length === 0 ? html`<p>Nothing is overdue.</p>` : list(late.slice(0, 20), data.now)}
      ${late.length > 20 && html`<p>and ${late.length - 20} more: sort the inventory by due date.</p>`}
    </div>
    <div>
      <h3>Next</h3>
      ${next.length === 0 ? html`<p>Nothing is due.</p>` : list(next, data.now)}
    </div>
  </div>`;
}

function list(rows: Row[], now: string): Html {
  return html`<ol class="due">
    ${rows.map(
      (row) =>
        html`<li>
          <span class="name">${row.name}</span> <span class="class">${row.class}</span> ${state(row)} <br /><span
            class="muted"
            >${due(row.dueAt, new Date(now))}; ${row.owner}${row.why && `; ${row.why}`}</span
          >
        </li>`,
    )}
  </ol>`;
}

function state({ state }: Row): Html {
  return html`<span class="state ${state.replace(" ", "-")}"
    ><span aria-hidden="true">${marks[state] ?? "?"}</span> ${state}</span
  >`;
}

const columns: [key: string, title: string][] = [
  ["name", "Secret"],
  ["class", "Class"],
  ["state", "State"],
  ["age", "Age"],
  ["due", "Due"],
  ["generation", "Generation"],
  ["owner", "Owner"],
  ["where", "Where"],
];
/** How many rows are drawn at once: a browser takes half a second for a thousand. Printing, and a button, take all. */
export const rowsAtOnce = 100;
/** How many runs the page has: a quarter of daily ones. */
const runsShown = 100;
const classOrder = ["CRITICAL", "HIGH", "MEDIUM", "LOW"];

export function inventory(data: ReportData): Html {
  return html`<div class="scroll" role="region" aria-labelledby="inventory-title" tabindex="0">
    <table id="inventory">
      <caption class="visually-hidden">
        Every secret with its class, state, age, due date, generation, owner and destinations
      </caption>
      <thead>
        <tr>
          ${columns.map(
            ([key, title]) =>
              html`<th scope="col" data-key="${key}" class="c-${key}"><button type="button">${title}</button></th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${data.secrets.map((row, at) => line(row, data.now, at >= rowsAtOnce))}
      </tbody>
    </table>
  </div>`;
}

function line(row: Row, now: string, more: boolean): Html {
  const places = row.destinations.join(" ");
  const secret = row.secret.split("_").map((word, at) => html`${at > 0 && html`_<wbr />`}${word}`);
  const [date = "", rest = ""] = due(row.dueAt, new Date(now)).split(", ");
  const text = [row.name, row.class, row.state, row.owner, row.handling, places].join(" ").toLowerCase();
  return html`<tr
    class="${more ? "more" : ""}"
    data-name="${row.name}"
    data-text="${text}"
    data-class="${row.class}"
    data-state="${row.state}"
  >
    <th scope="row">
      <span class="muted">${row.application}/</span><wbr />${secret}<br /><span class="muted">${row.handling}</span>
    </th>
    <td data-v="${classOrder.indexOf(row.class)}">${row.class}</td>
    <td>${state(row)}${row.why && html`<br /><span class="muted">${row.why}</span>`}</td>
    <td data-v="${row.ageDays}" class="number">
      ${row.ageDays} d<br /><span class="muted">of ${row.intervalDays}</span>
    </td>
    <td data-v="${row.dueAt}">${date}<br /><span class="muted">${rest}</span></td>
    <td data-v="${row.generation}" class="number">
      ${row.generation}${row.previousUntil && html`<br /><span class="muted">previous until ${row.previousUntil.slice(0, 16).replace("T", " ")}</span>`}
    </td>
    <td data-v="${row.owner}">${breakable(row.owner)}</td>
    <td>
      ${places}${row.consumers.length > 0 && html`<br /><span class="muted">proven by ${row.consumers.join(", ")}</span>`}
    </td>
  </tr>`;
}

/** An address may break before its host. */
function breakable(owner: string): Html {
  const [name = "", ...host] = owner.split("@");
  return html`${name}${host.length > 0 && html`<wbr />@${host.join("@")}`}`;
}

export function runs({ runs }: ReportData): Html {
  const shown = runs.slice(0, runsShown);
  if (runs.length === 0) return html`<p>No run is recorded yet.</p>`;
  const used = phases.filter((phase) => shown.some((run) => run.phases[phase] !== undefined));
  return html`<div class="scroll" role="region" aria-labelledby="runs-title" tabindex="0">
      <table id="runs">
        <caption class="visually-hidden">
          Runs, newest first, with the seconds that each phase took, summed over the secrets
        </caption>
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col">By</th>
            <th scope="col">Why</th>
            <th scope="col">Result</th>
            <th scope="col">Took</th>
            ${used.map((phase) => html`<th scope="col">${phase}</th>`)}
            <th scope="col">Secrets</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map((run) => runLine(run, used))}
        </tbody>
      </table>
    </div>
    ${runs.length > runsShown && html`<p class="muted">The newest ${runsShown} of ${runs.length} runs; the audit trail has all.</p>`}`;
}

function runLine(run: Run, used: readonly (typeof phases)[number][]): Html {
  const tone = run.result === "done" ? "ok" : "overdue";
  const { secrets } = run;
  const shown = secrets.slice(0, 4).join(", ");
  return html`<tr>
    <th scope="row">${run.at.slice(0, 16).replace("T", " ")}</th>
    <td>${run.by}</td>
    <td>${run.why}</td>
    <td>
      <span class="state ${tone}"><span aria-hidden="true">${tone === "ok" ? "✓" : "!"}</span> ${run.result}</span>
    </td>
    <td class="number">${run.seconds === undefined ? "" : seconds(run.seconds)}</td>
    ${used.map((phase) => html`<td class="number">${run.phases[phase] === undefined ? "" : seconds(run.phases[phase])}</td>`)}
    <td>
      ${
        secrets.length <= 4
          ? shown
          : html`<details>
              <summary>${secrets.length} secrets</summary>
              ${secrets.join(", ")}
            </details>`
      }
    </td>
  </tr>`;
}

/** `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`. */
export function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.floor(value % 60)} s`;
  return `${Math.floor(value / 3600)} h ${Math.floor((value % 3600) / 60)} min`;
}
