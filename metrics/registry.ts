// The facts as metrics. Names follow prometheus.io/docs/practices/naming: base units, `_total` for counters.
import { Counter, Gauge, Registry, type RegistryContentType } from "prom-client";
import type { Facts } from "./facts.ts";
import type { Reads } from "./reads.ts";

const day = 86_400_000;

/** What a scrape, a file and a push are written as. */
export const openMetrics: RegistryContentType = Registry.OPENMETRICS_CONTENT_TYPE;
/** What Pushgateways before OpenMetrics, and node_exporter, read. */
export const plainText: RegistryContentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** @param reads of Vault, where somebody counts them */
export function registryOf(
  facts: Facts,
  contentType: RegistryContentType,
  reads?: Reads,
): Registry<RegistryContentType> {
  const registry = new Registry<RegistryContentType>();
  registry.setContentType(contentType);
  const { stack } = facts;
  const secrets = (name: string, help: string, value: (secret: Facts["secrets"][number]) => number): void => {
    const gauge = new Gauge({ name, help, labelNames: ["stack", "secret", "class"], registers: [registry] });
    for (const secret of facts.secrets) {
      const known = value(secret);
      if (Number.isFinite(known)) gauge.set({ stack, secret: secret.name, class: secret.class }, known);
    }
  };
  const now = Date.parse(facts.now);
  secrets("rotation_secret_age_seconds", "Age of the current value when this was written.", ({ rotatedAt }) =>
    Math.max(0, (now - Date.parse(rotatedAt)) / 1000),
  );
  secrets(
    "rotation_secret_rotated_timestamp_seconds",
    "When the current value's window began, in Unix time.",
    ({ rotatedAt }) => Date.parse(rotatedAt) / 1000,
  );
  secrets(
    "rotation_secret_due_timestamp_seconds",
    "When it is due, in Unix time.",
    ({ dueAt }) => Date.parse(dueAt) / 1000,
  );
  secrets("rotation_secret_generation", "How many values it has had.", ({ generation }) => generation);
  secrets("rotation_secret_last_result", "1: its last rotation got to the end. 0: it did not.", ({ finished }) =>
    finished ? 1 : 0,
  );
  secrets(
    "rotation_secret_destinations_outdated",
    "Destinations that hold something else than the current value.",
    ({ outdated }) => outdated,
  );
  secrets(
    "rotation_secret_revocation_held",
    "Sessions or consumers that keep the previous credential from being revoked.",
    ({ held }) => held,
  );
  describe(facts, registry);
  runs(facts, registry);
  if (reads) count(stack, reads, registry);
  return registry;
}

/** What people want to see beside a number, on a series of its own, so that a change starts no new series of numbers. */
function describe({ stack, secrets }: Facts, registry: Registry<RegistryContentType>): void {
  const info = new Gauge({
    name: "rotation_secret_info",
    help: "Always 1: who answers for the secret, and its state.",
    labelNames: ["stack", "secret", "class", "owner", "state"],
    registers: [registry],
  });
  for (const { name, class: level, owner, state } of secrets)
    info.set({ stack, secret: name, class: level, owner, state }, 1);
}

function runs({ stack, last, phases, fresh, now }: Facts, registry: Registry<RegistryContentType>): void {
  const gauge = (name: string, help: string, value: number): void =>
    new Gauge({ name, help, labelNames: ["stack"], registers: [registry] }).set({ stack }, value);
  gauge(
    "rotation_state_fresh",
    "1: the stack could be read. 0: the numbers are those of an earlier reading.",
    fresh ? 1 : 0,
  );
  gauge(
    "rotation_written_timestamp_seconds",
    "When these numbers were gathered, in Unix time.",
    Date.parse(now) / 1000,
  );
  if (last) {
    const [began, ended] = [Date.parse(last.began), Date.parse(last.ended)];
    gauge("rotation_run_timestamp_seconds", "When the last run ended, in Unix time.", ended / 1000);
    gauge("rotation_run_last_result", "1: the last run succeeded. 0: it failed.", last.succeeded ? 1 : 0);
    if (ended >= began && ended - began < day)
      gauge("rotation_run_duration_seconds", "How long the last run took.", (ended - began) / 1000);
  }
  const phase = new Gauge({
    name: "rotation_run_phase_seconds",
    help: "Seconds by phase of the last run that rotated something, summed over its secrets.",
    labelNames: ["stack", "phase"],
    registers: [registry],
  });
  for (const [name, seconds] of Object.entries(phases)) phase.set({ stack, phase: name }, seconds);
}

function count(stack: string, reads: Reads, registry: Registry<RegistryContentType>): void {
  // In OpenMetrics prom-client adds the `_total` itself, and would add it twice.
  const open = registry.contentType === openMetrics;
  const counter = new Counter({
    name: open ? "rotation_vault_reads" : "rotation_vault_reads_total",
    help: "Reads of a secret's entry in Vault, from its audit log.",
    labelNames: ["stack", "secret"],
    registers: [registry],
  });
  for (const [secret, known] of reads.counts) counter.inc({ stack, secret }, known);
}
