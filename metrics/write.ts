// The metrics as a file for node_exporter's textfile collector, and as a push to a Pushgateway.
import { renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Pushgateway } from "prom-client";
import type { Facts } from "./facts.ts";
import { openMetrics, plainText, registryOf } from "./registry.ts";

/** The job under which a push is kept. */
const job = "secret-rotation";

/** OpenMetrics as text, closed by `# EOF`. */
export function text(facts: Facts): Promise<string> {
  return registryOf(facts, openMetrics).metrics();
}

/**
 * The collector reads a file at any moment, so it is replaced whole (github.com/prometheus/node_exporter, "Textfile
 * Collector"); it runs as another user, so everybody may read it: there are names in it and no values.
 * @returns the file's full path
 */
export async function writeFile(facts: Facts, file: string): Promise<string> {
  const path = resolve(file);
  const part = `${path}.${process.pid}.part`;
  // node_exporter reads the older text format; to it the `# EOF` of the newer one would be one more comment.
  writeFileSync(part, await text(facts), { mode: 0o644 });
  renameSync(part, path);
  return path;
}

/**
 * Replaces what the gateway holds of this stack.
 * @param url of the gateway, without `/metrics`
 * @throws Error that names the gateway and why
 */
export async function push(facts: Facts, url: string): Promise<void> {
  // Pushgateways parse the older text format.
  const registry = registryOf(facts, plainText);
  const gateway = new Pushgateway(url, { timeout: 10_000 }, registry);
  try {
    await gateway.push({ jobName: job, groupings: { stack: facts.stack } });
  } catch (error) {
    const { host } = new URL(url);
    throw new Error(`The Pushgateway at ${host} did not take the metrics: ${(error as Error).message.slice(0, 300)}`, {
      cause: error,
    });
  }
}
