// The dashboard against Grafana's own types (@grafana/schema, generated from the schemas that Grafana loads dashboards by):
// a field that they do not know, or a value of another type, is an error of the compiler.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

interface Dashboard {
  panels: { type: string; options: object }[];
  annotations: { list: Record<string, unknown>[] };
}

const file = fileURLToPath(new URL("../../../monitoring/grafana.json", import.meta.url));
const written = JSON.parse(readFileSync(file, "utf8")) as Dashboard;
/** An annotation's query and title belong to its data source, which the schemas know nothing of. */
const list = written.annotations.list.map(({ expr, titleFormat, ...rest }) => {
  assert.ok(typeof expr === "string" && typeof titleFormat === "string");
  return rest;
});
const dashboard: Dashboard = { ...written, annotations: { list } };
/** Grafana's names of the panels that are used, with the file of each one's options. */
const panels: Record<string, string> = {
  stat: "StatPanelCfg",
  table: "TablePanelCfg",
  timeseries: "TimeSeriesPanelCfg",
  bargauge: "BarGaugePanelCfg",
};

/** What the compiler says of a dashboard. */
function complaints(tried: Dashboard): string[] {
  const types = [...new Set(tried.panels.map(({ type }) => type))];
  const raw = "@grafana/schema/dist/esm/raw";
  const text = [
    `import type { Dashboard } from "${raw}/dashboard/x/Dashboard_types.gen";`,
    ...types.map((type) => {
      const name = panels[type] ?? assert.fail(`there is no panel "${type}" among those that this test knows`);
      return `import type { Options as ${type} } from "${raw}/composable/${type}/panelcfg/x/${name}_types.gen";`;
    }),
    // JSON has the values of enumerations, and leaves out what has a default.
    "type Json<T> = T extends string ? `${T}` : T extends number ? (number extends T ? number : `${T}` extends `${infer N extends number}` ? N : T)",
    "  : T extends (infer Item)[] ? Json<Item>[] : T extends object ? { [K in keyof T]?: Json<T[K]> | Nulls<K> } : T;",
    // A threshold's first step begins at minus infinity, which JSON writes as null.
    'type Nulls<K> = K extends "value" ? null : never;',
    `export const dashboard: Json<Dashboard> = ${JSON.stringify(tried)};`,
    ...tried.panels.map(
      ({ type, options }, at) => `export const options${at}: Json<${type}> = ${JSON.stringify(options)};`,
    ),
  ].join("\n");
  const name = fileURLToPath(new URL("generated.ts", import.meta.url));
  const settings: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ESNext,
    types: [],
  };
  const host = ts.createCompilerHost(settings);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (path, ...rest) =>
    path === name ? ts.createSourceFile(path, text, ts.ScriptTarget.ESNext) : read(path, ...rest);
  const program = ts.createProgram([name], settings, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

describe("the Grafana dashboard", function () {
  this.timeout(60_000);

  it("has only what Grafana's schemas know, for the dashboard and for each of its panels", () => {
    assert.deepEqual(complaints(dashboard), []);
  });

  it("would be refused with a misspelt field, an unknown choice or a wrong type", () => {
    const [first, ...others] = dashboard.panels;
    const wrong: [Dashboard, RegExp][] = [
      [{ ...dashboard, panls: [] } as Dashboard, /'"panls"' does not exist/],
      [{ ...dashboard, schemaVersion: "38" } as unknown as Dashboard, /'string' is not assignable to type 'number'/],
      [
        { ...dashboard, panels: [{ ...first, options: { colorMode: "loud" } } as Dashboard["panels"][0], ...others] },
        /'"loud"' is not assignable/,
      ],
    ];
    for (const [tried, said] of wrong) assert.match(complaints(tried).join("\n"), said);
  });
});
