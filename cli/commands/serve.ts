// `rotate serve`: a scrape endpoint and the report's page, until it is stopped.
import { Reads } from "../../metrics/reads.ts";
import { serve as listen } from "../../metrics/serve.ts";
import { exits, Failure, UsageError, type Call, type Command } from "../command.ts";
import { known, type Known } from "../facts.ts";

/** No exporter of note has it (github.com/prometheus/prometheus/wiki/Default-port-allocations). */
const defaultPort = 9797;

export const serve: Command = {
  summary: "a scrape endpoint for Prometheus, and the report's page, on this machine",
  help: `Usage: rotate serve [--port <number>] [--every <seconds>] [--vault-audit <file>] [--stack <name>]

Serves http://127.0.0.1:<port>/metrics in OpenMetrics and the report's page at /, until it is stopped (Ctrl-C). It listens
on 127.0.0.1 only. The stack is read again every minute; while that fails, the numbers stay and rotation_state_fresh is 0.

  --port <number>       default: ${defaultPort}; 0 takes a free one
  --every <seconds>     how often the stack is read: 5 to 3600, default 60
  --vault-audit <file>  the file of one of Vault's audit devices: counts how often each secret is read

Exit codes: 0 stopped, 1 failed, 2 wrong usage.`,
  options: { port: { type: "string" }, every: { type: "string" }, "vault-audit": { type: "string" } },
  async run(call) {
    const { io, options } = call;
    const port = whole(options["port"] ?? String(defaultPort), "port", 0, 65_535);
    const every = whole(options["every"] ?? "60", "every", 5, 3600);
    const log = options["vault-audit"];
    let current = await known(call, io.now);
    const reads = typeof log === "string" ? new Reads(log, current.entries) : undefined;
    await reads?.catchUp().catch((error: unknown) => {
      throw new UsageError(`--vault-audit: ${(error as Error).message}`);
    });
    const listening = await listen({ port, reads, current: () => current, say: io.say }).catch((error: unknown) => {
      throw new Failure(`Port ${port} of 127.0.0.1 cannot be used: ${(error as Error).message}`);
    });
    io.out(`http://127.0.0.1:${listening.port}/`);
    const timer = setInterval(() => {
      void again(call, current).then((next) => {
        current = next;
        reads?.know(next.entries);
      });
    }, every * 1000);
    await new Promise<void>((stop) => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop());
    });
    clearInterval(timer);
    listening.server.closeAllConnections();
    listening.server.close();
    return exits.ok;
  },
};

/** Reads the stack anew; when it cannot be read, what was known is marked as old. */
async function again(call: Call, before: Known): Promise<Known> {
  try {
    // The clock of tests stands still; any other goes on.
    return await known(call, call.io.env["ROTATION_NOW"] ? call.io.now : new Date());
  } catch (error) {
    call.io.say(`The stack cannot be read: ${(error as Error).message}`);
    return { ...before, facts: { ...before.facts, fresh: false } };
  }
}

function whole(given: string | boolean, name: string, least: number, most: number): number {
  const value = Number(given);
  if (typeof given === "string" && given !== "" && Number.isInteger(value) && value >= least && value <= most)
    return value;
  throw new UsageError(`--${name} is "${String(given)}"; give a whole number from ${least} to ${most}`);
}
