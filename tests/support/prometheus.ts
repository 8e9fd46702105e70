// A real Prometheus of Debian's, for as long as a test needs it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../sandbox/servers/ports.ts";
import { ensurePrometheus } from "../../sandbox/toolchain/observers.ts";

export interface Series {
  metric: Record<string, string>;
  value: [number, string];
}

export interface Alert {
  state: "pending" | "firing";
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface Running {
  query(expression: string): Promise<Series[]>;
  /** Alerts by name, firing ones only. */
  firing(): Promise<Map<string, Alert[]>>;
  stop(): Promise<void>;
}

/**
 * @param targets `host:port`, each scraped every second at /metrics
 * @param rules path of a file of rules, evaluated every second
 */
export async function startPrometheus(targets: string[], rules: string): Promise<Running> {
  const { prometheus } = await ensurePrometheus();
  const dir = mkdtempSync(join(tmpdir(), "prometheus-"));
  const port = await freePort();
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [rules],
    scrape_configs: [{ job_name: "rotation", static_configs: [{ targets }] }],
  };
  // JSON is YAML.
  writeFileSync(join(dir, "prometheus.yml"), JSON.stringify(config));
  const child = spawn(
    prometheus,
    [
      `--config.file=${join(dir, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(dir, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode === null && child.kill()) await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + 60_000; ; await sleep(100)) {
    const ready = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (ready?.ok) break;
    if (child.exitCode === null && Date.now() < deadline) continue;
    await stop();
    throw new Error(`Prometheus did not start: ${said.slice(-2000)}`);
  }
  const ask = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { status: string; error?: string; data: T };
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  return {
    query: async (expression) =>
      (await ask<{ result: Series[] }>(`query?query=${encodeURIComponent(expression)}`)).result,
    firing: async () => {
      const { alerts } = await ask<{ alerts: Alert[] }>("alerts");
      return Map.groupBy(
        alerts.filter(({ state }) => state === "firing"),
        ({ labels }) => labels["alertname"] ?? "",
      );
    },
    stop,
  };
}
