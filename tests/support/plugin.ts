// Talks to a provider plugin as the engine does: starts it, reads its port from stdout, configures it, strips secrets
// when it does not accept them. With PLUGIN_BIN_DIR set, the official binary of that folder runs instead of the stand-in.
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import grpc from "@grpc/grpc-js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import { decode, encode, reveal, Unknown, type Properties, type Value } from "../../provider/wire/values.ts";

const root = join(import.meta.dirname, "..", "..");

/** Whether official binaries run in place of the stand-ins. */
export const official = Boolean(process.env["PLUGIN_BIN_DIR"]);

/** Declares a test of what only a stand-in does, such as refusing by name what it does not cover. */
export function itOfStandIn(what: string, test: () => Promise<void>): void {
  // Mocha's `it` is another one for each file.
  if (!official) it(what, test);
}

export interface Diff {
  changes: boolean;
  diffs: string[];
  replaces: string[];
}

export interface Plugin {
  check(
    token: string,
    inputs: Properties,
    olds?: Properties,
    name?: string,
  ): Promise<{ inputs: Properties; failures: string[] }>;
  diff(token: string, state: State, inputs: Properties, ignoreChanges?: string[]): Promise<Diff>;
  create(token: string, inputs: Properties, preview?: boolean): Promise<State>;
  update(token: string, state: State, inputs: Properties, preview?: boolean): Promise<State>;
  read(token: string, state: State): Promise<State | undefined>;
  delete(token: string, state: State): Promise<void>;
  checkConfig(config: Properties): Promise<{ inputs: Properties; failures: string[] }>;
  configure(config: Properties): Promise<{ acceptSecrets: boolean }>;
  version(): Promise<string>;
  stop(): Promise<void>;
}

/** What the engine's state file would hold of one resource; secret outputs are `Secret`. */
export interface State {
  id: string;
  inputs: Properties;
  outputs: Properties;
}

export async function startPlugin(name: string, env: Record<string, string> = {}): Promise<Plugin> {
  const child = launch(name, env);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const port = await firstLine(child, () => `the ${name} plugin ended before it printed its port: ${errors}`);
  const client = new providerGrpc.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {});
  let acceptSecrets = false;

  const call = <Response>(method: string, request: unknown): Promise<Response> =>
    new Promise((resolve, reject) => {
      const methods = client as unknown as Record<
        string,
        (request: unknown, done: (error: grpc.ServiceError | null, response: Response) => void) => void
      >;
      methods[method]?.call(client, request, (error, response) =>
        error ? reject(new Error(error.details)) : resolve(response),
      );
    });
  const send = (properties: Properties): ReturnType<typeof encode> =>
    encode(acceptSecrets ? properties : (bare(properties) as Properties));
  const reasons = (response: pb.CheckResponse): { inputs: Properties; failures: string[] } => ({
    inputs: decode(response.getInputs()),
    failures: response.getFailuresList().map((failure) => failure.getReason()),
  });

  return {
    version: async () => {
      const info = await call<{ getVersion(): string }>("getPluginInfo", new emptypb.Empty());
      return info.getVersion();
    },
    checkConfig: async (config) =>
      reasons(
        await call(
          "checkConfig",
          new pb.CheckRequest().setUrn(urnOf(`pulumi:providers:${name}`)).setNews(encode(config)),
        ),
      ),
    configure: async (config) => {
      const request = new pb.ConfigureRequest().setArgs(encode(config)).setAcceptsecrets(true).setAcceptresources(true);
      for (const [key, value] of Object.entries(config))
        request
          .getVariablesMap()
          .set(`${name}:config:${key}`, typeof value === "string" ? value : JSON.stringify(bare(value)));
      const response = await call<pb.ConfigureResponse>("configure", request);
      acceptSecrets = response.getAcceptsecrets();
      return { acceptSecrets };
    },
    check: async (token, inputs, olds, resource) => {
      const request = new pb.CheckRequest().setUrn(urnOf(token, resource)).setNews(send(inputs));
      return reasons(await call("check", olds ? request.setOlds(send(olds)) : request));
    },
    diff: async (token, state, inputs, ignoreChanges = []) => {
      const response = await call<pb.DiffResponse>(
        "diff",
        new pb.DiffRequest()
          .setUrn(urnOf(token))
          .setId(state.id)
          .setOldInputs(send(state.inputs))
          .setOlds(send(state.outputs))
          .setNews(send(inputs))
          .setIgnorechangesList(ignoreChanges),
      );
      return {
        changes: response.getChanges() === pb.DiffResponse.DiffChanges.DIFF_SOME,
        diffs: response.getDiffsList(),
        replaces: response.getReplacesList(),
      };
    },
    create: async (token, inputs, preview = false) => {
      const response = await call<pb.CreateResponse>(
        "create",
        new pb.CreateRequest().setUrn(urnOf(token)).setProperties(send(inputs)).setPreview(preview),
      );
      return { id: response.getId(), inputs, outputs: decode(response.getProperties()) };
    },
    update: async (token, state, inputs, preview = false) => {
      const response = await call<pb.UpdateResponse>(
        "update",
        new pb.UpdateRequest()
          .setUrn(urnOf(token))
          .setId(state.id)
          .setOldInputs(send(state.inputs))
          .setOlds(send(state.outputs))
          .setNews(send(inputs))
          .setPreview(preview),
      );
      return { id: state.id, inputs, outputs: decode(response.getProperties()) };
    },
    read: async (token, state) => {
      const response = await call<pb.ReadResponse>(
        "read",
        new pb.ReadRequest()
          .setUrn(urnOf(token))
          .setId(state.id)
          .setInputs(send(state.inputs))
          .setProperties(send(state.outputs)),
      );
      if (!response.getId()) return undefined;
      return {
        id: response.getId(),
        inputs: decode(response.getInputs()),
        outputs: decode(response.getProperties()),
      };
    },
    delete: async (token, state) => {
      await call(
        "delete",
        new pb.DeleteRequest()
          .setUrn(urnOf(token))
          .setId(state.id)
          .setOldInputs(send(state.inputs))
          .setProperties(send(state.outputs)),
      );
    },
    stop: async () => {
      client.close();
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    },
  };
}

/** Check, then create, failing on check failures, as the engine does for a new resource. */
export async function up(plugin: Plugin, token: string, inputs: Properties): Promise<State> {
  const checked = await plugin.check(token, inputs);
  if (checked.failures.length) throw new Error(checked.failures.join("\n"));
  return plugin.create(token, checked.inputs);
}

function launch(name: string, env: Record<string, string>): ChildProcess {
  const folder = process.env["PLUGIN_BIN_DIR"];
  const [command, args] = folder
    ? [join(folder, `pulumi-resource-${name}`), []]
    : [process.execPath, [join(root, "sandbox", "plugins", name, "main.ts")]];
  return spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

function firstLine(child: ChildProcess, problem: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout) createInterface(child.stdout).once("line", resolve);
    child.once("exit", () => reject(new Error(problem())));
    child.once("error", reject);
  });
}

function urnOf(token: string, name = "demo"): string {
  return `urn:pulumi:test::tests::${token}::${name}`;
}

function bare(value: Value): Value {
  const inner = reveal(value);
  if (Array.isArray(inner)) return inner.map(bare);
  if (typeof inner !== "object" || inner === null || inner instanceof Unknown) return inner;
  return Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, bare(item)]));
}
