// Stands in for `pulumi-language-nodejs` where the official one cannot be had: it runs programs and policy packs
// with the packages' own `@pulumi/pulumi/cmd/run` and `run-policy-pack`, on the Node that runs this file.
// The calls: pulumi/pulumi `proto/pulumi/language.proto`.
import grpc from "@grpc/grpc-js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/language_pb.js";
import pluginpb from "@pulumi/pulumi/proto/plugin_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { connect, listening } from "../../../provider/wire/engine.ts";

/** `cmd/run` ends with this code after it has shown its error itself (pulumi/pulumi `sdk/nodejs/cmd/run/index.ts`). */
const alreadyReported = 32;
const engineAddress = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";
const children = new Set<ChildProcess>();

function command(name: "run" | "run-policy-pack", directory: string): string {
  return createRequire(join(directory, "package.json")).resolve(`@pulumi/pulumi/cmd/${name}/index.js`);
}

function node(script: string, args: string[], cwd: string, env: NodeJS.ProcessEnv, stdio: StdioOptions): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
    cwd,
    env,
    stdio,
  });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

async function run(request: pb.RunRequest): Promise<pb.RunResponse> {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() ?? request.getPwd();
  const args = Object.entries({
    monitor: request.getMonitorAddress(),
    engine: engineAddress,
    project: request.getProject(),
    stack: request.getStack(),
    organization: request.getOrganization(),
    "root-directory": info?.getRootDirectory(),
    pwd: request.getPwd(),
    parallel: request.getParallel() || undefined,
    "dry-run": request.getDryrun() || undefined,
  }).flatMap(([flag, value]) =>
    value === undefined || value === "" ? [] : value === true ? [`--${flag}`] : [`--${flag}`, `${value}`],
  );
  const env = {
    ...process.env,
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toObject())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    PULUMI_NODEJS_TYPESCRIPT: "false",
  };
  const entry = request.getProgram() || info?.getEntryPoint() || ".";
  const child = node(command("run", directory), [...args, entry, ...request.getArgsList()], request.getPwd(), env, [
    "ignore",
    "inherit",
    "inherit",
  ]);
  const code = await ended(child);
  const response = new pb.RunResponse();
  if (code === alreadyReported) response.setBail(true);
  else if (code !== 0) response.setError(`Program exited with non-zero exit code: ${code}`);
  return response;
}

function runPlugin(call: grpc.ServerWritableStream<pb.RunPluginRequest, pb.RunPluginResponse>): void {
  const request = call.request;
  if (request.getKind() !== "analyzer") {
    call.destroy(
      new Error(
        `This language host runs policy packs only, not plugins of kind "${request.getKind()}"; install the official Pulumi CLI for those.`,
      ),
    );
    return;
  }
  const directory = request.getInfo()?.getProgramDirectory() ?? request.getProgram();
  const env = {
    ...process.env,
    ...Object.fromEntries(
      request.getEnvList().map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    ),
  };
  const child = node(
    command("run-policy-pack", directory),
    [...request.getArgsList(), directory],
    request.getPwd() || directory,
    env,
    ["ignore", "pipe", "pipe"],
  );
  child.stdout?.on("data", (data: Buffer) => call.write(new pb.RunPluginResponse().setStdout(data)));
  child.stderr?.on("data", (data: Buffer) => call.write(new pb.RunPluginResponse().setStderr(data)));
  call.on("cancelled", () => child.kill());
  void ended(child).then((code) => {
    call.write(new pb.RunPluginResponse().setExitcode(code));
    call.end();
  });
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on("error", () => resolve(1));
    child.on("close", (code) => resolve(code ?? 1));
  });
}

type Unary<Request, Response> = (request: Request) => Promise<Response> | Response;

function unary<Request, Response>(handle: Unary<Request, Response>): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) =>
          callback({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) }),
      );
  };
}

const server = new grpc.Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
const handlers = {
  handshake: unary(() => new pb.LanguageHandshakeResponse()),
  getPluginInfo: unary(() => new pluginpb.PluginInfo().setVersion(process.versions.node)),
  about: unary(() => new pb.AboutResponse().setExecutable(process.execPath).setVersion(process.versions.node)),
  // Plugins are found on PATH or among the installed ones when the first resource asks for them.
  getRequiredPackages: unary(() => new pb.GetRequiredPackagesResponse()),
  getRequiredPlugins: unary(() => new pb.GetRequiredPluginsResponse()),
  getProgramDependencies: unary(() => new pb.GetProgramDependenciesResponse()),
  runtimeOptionsPrompts: unary(() => new pb.RuntimeOptionsResponse()),
  run: unary(run),
  runPlugin,
  cancel: unary(() => {
    for (const child of children) child.kill();
    return new emptypb.Empty();
  }),
};
server.addService(languageGrpc.LanguageRuntimeService, handlers);
connect(engineAddress || undefined, () => process.exit(1));
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  listening(port);
});
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
