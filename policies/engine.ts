// What the engine says of the stack before it shows the first resource. @pulumi/policy is told all of it and passes on
// the stack's tags alone, so it is overheard where the message is read. Where that is no longer possible, every run
// counts as one that is about to happen and nothing in the stack's configuration is known: the stricter reading.
import { createRequire } from "node:module";
import type { Told } from "./rules/run.ts";

/** `AnalyzerStackConfigureRequest` of pulumi/pulumi `proto/pulumi/analyzer.proto`. */
interface Request {
  getProject(): string;
  getDryRun(): boolean;
  getConfigMap(): { forEach(each: (value: string, key: string) => void): void };
}
interface Service {
  configureStack?: { requestDeserialize: (bytes: Buffer) => Request };
}

/** Calls back once for each stack that the engine announces; to be called before the pack is constructed. */
export function onStack(hear: (told: Told) => void): void {
  // The copy that @pulumi/policy itself uses: another project may hold several.
  const require = createRequire(createRequire(import.meta.url).resolve("@pulumi/policy"));
  const { AnalyzerService } = require("@pulumi/pulumi/proto/analyzer_grpc_pb") as { AnalyzerService?: Service };
  const call = AnalyzerService?.configureStack;
  if (!call) return;
  const read = call.requestDeserialize;
  call.requestDeserialize = (bytes) => {
    const request = read(bytes);
    const config: Record<string, string> = {};
    request.getConfigMap().forEach((value, key) => (config[key] = value));
    hear({ project: request.getProject(), preview: request.getDryRun(), config });
    return request;
  };
}
