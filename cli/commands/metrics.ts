// `rotate metrics`: what Prometheus wants to know, to a file or a Pushgateway.
import { push, text, writeFile } from "../../metrics/write.ts";
import { exits, Failure, UsageError, type Command } from "../command.ts";
import { known } from "../facts.ts";

export const metrics: Command = {
  summary: "metrics for Prometheus: to a file, a Pushgateway, or standard output",
  help: `Usage: rotate metrics [--file <file>] [--push <url>] [--stack <name>]

Age, due time, generation, last result, durations by phase, destinations out of date and revocations that are held, in
OpenMetrics. Run it after each run of the stack; alerts and a dashboard are in monitoring/. No vendor is asked, nothing
is changed, no value is among them.

  --file <file>  for node_exporter's textfile collector: a name that ends in .prom in its folder; replaced whole
  --push <url>   to a Pushgateway, like http://127.0.0.1:9091; replaces what it holds of this stack
  neither        to standard output

Exit codes: 0 written, 1 failed, 2 wrong usage, 3 written without the history, which could not be read.`,
  options: { file: { type: "string" }, push: { type: "string" } },
  async run(call) {
    const { io, options } = call;
    const { file, push: url } = options;
    if (typeof file === "string" && !file.endsWith(".prom"))
      throw new UsageError(
        `--file is "${file}"; the collector reads names that end in .prom, like: --file rotation.prom`,
      );
    if (typeof url === "string" && !/^https?:$/.test(URL.parse(url)?.protocol ?? ""))
      throw new UsageError(`--push is "${url}"; give the address of a Pushgateway, like: --push http://127.0.0.1:9091`);
    const { facts, problem } = await known(call, io.now);
    try {
      if (typeof file === "string") io.out(await writeFile(facts, file));
      if (typeof url === "string") await push(facts, url);
      if (file === undefined && url === undefined) io.out((await text(facts)).trimEnd());
    } catch (error) {
      throw new Failure((error as Error).message);
    }
    return problem ? exits.attention : exits.ok;
  },
};
