// The thin adapter between `Provider` and the engine's gRPC protocol.
import grpc from "@grpc/grpc-js";
import pluginpb from "@pulumi/pulumi/proto/plugin_pb.js";
import providerGrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import emptypb from "google-protobuf/google/protobuf/empty_pb.js";
import type { Failure, Log, Provider, Resource } from "./contract.ts";
import { connect, listening } from "./engine.ts";
import { decode, encode, same, secretsIn, type Properties } from "./values.ts";

type Handler<Request, Response> = (request: Request) => Promise<Response> | Response;
const grpcOptions = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** Serves the provider to the engine whose address is the first argument, and prints the port as the engine expects. */
export async function serve(provider: Provider, engineAddress = process.argv[2]): Promise<void> {
  const resources = new Map(provider.resources.map((resource) => [resource.token, resource]));
  const engine = connect(engineAddress, () => {
    provider.gone?.();
    process.exit(1);
  });

  const resourceOf = (urn: string): Resource => {
    const token = urn.split("::")[2]?.split("$").pop() ?? "";
    const resource = resources.get(token);
    if (!resource) throw new Error(`${provider.name} has no resource "${token}"`);
    return resource;
  };
  const call = (urn: string): { urn: string; name: string; log: Log } => ({
    urn,
    name: urn.split("::").slice(3).join("::"),
    log: { info: (message) => engine.log("info", urn, message), warn: (message) => engine.log("warn", urn, message) },
  });

  const handlers: Record<string, grpc.handleUnaryCall<never, never>> = {
    getPluginInfo: unary(() => new pluginpb.PluginInfo().setVersion(provider.version)),
    getSchema: unary(() =>
      new pb.GetSchemaResponse().setSchema(JSON.stringify({ name: provider.name, version: provider.version })),
    ),
    attach: unary(() => new emptypb.Empty()),
    cancel: unary(async () => {
      await provider.stop?.();
      return new emptypb.Empty();
    }),
    checkConfig: unary((request: pb.CheckRequest) => {
      const inputs = decode(request.getNews());
      const result = provider.checkConfig?.(inputs) ?? { inputs };
      return new pb.CheckResponse().setInputs(encode(result.inputs)).setFailuresList(failures(result.failures));
    }),
    diffConfig: unary((request: pb.DiffRequest) => {
      const [olds, news] = [decode(request.getOldInputs()), decode(request.getNews())];
      const changed = changedKeys(olds, news);
      return new pb.DiffResponse()
        .setChanges(changed.length ? pb.DiffResponse.DiffChanges.DIFF_SOME : pb.DiffResponse.DiffChanges.DIFF_NONE)
        .setDiffsList(changed);
    }),
    configure: unary(async (request: pb.ConfigureRequest) => {
      await provider.configure?.(decode(request.getArgs()));
      return new pb.ConfigureResponse()
        .setAcceptsecrets(provider.acceptSecrets)
        .setSupportspreview(true)
        .setAcceptresources(false)
        .setAcceptoutputs(false);
    }),
    invoke: unary(async (request: pb.InvokeRequest) => {
      const run = provider.functions?.[request.getTok()];
      if (!run) throw new Error(`${provider.name} has no function "${request.getTok()}"`);
      const args = decode(request.getArgs());
      const result = await guarded(provider, "", [args], () => run(args));
      return Array.isArray(result["failures"])
        ? new pb.InvokeResponse().setFailuresList(failures(result["failures"] as unknown as Failure[]))
        : new pb.InvokeResponse().setReturn(encode(result));
    }),
    check: unary(async (request: pb.CheckRequest) => {
      const inputs = decode(request.getNews());
      const oldInputs = request.hasOlds() ? decode(request.getOlds()) : undefined;
      const known = oldInputs && Object.keys(oldInputs).length > 0 ? oldInputs : undefined;
      const resource = resourceOf(request.getUrn());
      const result = await guarded(provider, request.getUrn(), [inputs], async () =>
        resource.check ? await resource.check({ ...call(request.getUrn()), inputs, oldInputs: known }) : { inputs },
      );
      return new pb.CheckResponse().setInputs(encode(result.inputs)).setFailuresList(failures(result.failures));
    }),
    diff: unary(async (request: pb.DiffRequest) => {
      const [oldInputs, oldOutputs, inputs] = [request.getOldInputs(), request.getOlds(), request.getNews()].map(
        decode,
      ) as [Properties, Properties, Properties];
      const resource = resourceOf(request.getUrn());
      const ignoreChanges = request.getIgnorechangesList();
      const diff = resource.diff
        ? await resource.diff({
            ...call(request.getUrn()),
            id: request.getId(),
            oldInputs,
            oldOutputs,
            inputs,
            ignoreChanges,
          })
        : { changed: changedKeys(oldInputs, inputs) };
      const replaces = resource.update ? (diff.replaces ?? []) : diff.changed;
      const response = new pb.DiffResponse()
        .setChanges(diff.changed.length ? pb.DiffResponse.DiffChanges.DIFF_SOME : pb.DiffResponse.DiffChanges.DIFF_NONE)
        .setDiffsList(diff.changed)
        .setReplacesList(replaces)
        .setDeletebeforereplace(diff.deleteBeforeReplace ?? false)
        .setHasdetaileddiff(true);
      for (const key of diff.changed)
        response.getDetaileddiffMap().set(key, propertyDiff(key, replaces.includes(key), oldInputs, inputs));
      return response;
    }),
    create: unary(async (request: pb.CreateRequest) => {
      const inputs = decode(request.getProperties());
      const resource = resourceOf(request.getUrn());
      const { id, outputs } = await guarded(provider, request.getUrn(), [inputs], () =>
        resource.create({
          ...call(request.getUrn()),
          inputs,
          preview: request.getPreview(),
          timeout: request.getTimeout(),
        }),
      );
      return new pb.CreateResponse().setId(request.getPreview() ? "" : id).setProperties(encode(outputs));
    }),
    read: unary(async (request: pb.ReadRequest) => {
      const [inputs, outputs] = [decode(request.getInputs()), decode(request.getProperties())];
      const resource = resourceOf(request.getUrn());
      const found = resource.read
        ? await guarded(provider, request.getUrn(), [inputs, outputs], async () =>
            resource.read?.({ ...call(request.getUrn()), id: request.getId(), inputs, outputs }),
          )
        : { id: request.getId(), inputs, outputs };
      if (!found) return new pb.ReadResponse();
      return new pb.ReadResponse().setId(found.id).setInputs(encode(found.inputs)).setProperties(encode(found.outputs));
    }),
    update: unary(async (request: pb.UpdateRequest) => {
      const [oldInputs, oldOutputs, inputs] = [request.getOldInputs(), request.getOlds(), request.getNews()].map(
        decode,
      ) as [Properties, Properties, Properties];
      const resource = resourceOf(request.getUrn());
      const outputs = await guarded(provider, request.getUrn(), [oldInputs, oldOutputs, inputs], async () => {
        if (!resource.update) throw new Error(`${resource.token} is never updated in place`);
        return resource.update({
          ...call(request.getUrn()),
          id: request.getId(),
          oldInputs,
          oldOutputs,
          inputs,
          preview: request.getPreview(),
          timeout: request.getTimeout(),
        });
      });
      return new pb.UpdateResponse().setProperties(encode(outputs));
    }),
    delete: unary(async (request: pb.DeleteRequest) => {
      const [oldInputs, outputs] = [decode(request.getOldInputs()), decode(request.getProperties())];
      const resource = resourceOf(request.getUrn());
      await guarded(provider, request.getUrn(), [oldInputs, outputs], async () =>
        resource.delete?.({
          ...call(request.getUrn()),
          id: request.getId(),
          oldInputs,
          outputs,
          timeout: request.getTimeout(),
        }),
      );
      return new emptypb.Empty();
    }),
  };

  const server = new grpc.Server(grpcOptions);
  server.addService(providerGrpc.ResourceProviderService, handlers as unknown as grpc.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  listening(port);
}

function unary<Request, Response>(handle: Handler<Request, Response>): grpc.handleUnaryCall<never, never> {
  const run: grpc.handleUnaryCall<Request, Response> = (request, callback) => {
    void Promise.resolve()
      .then(() => handle(request.request))
      .then(
        (response) => callback(null, response),
        (error: unknown) =>
          callback({ code: grpc.status.UNKNOWN, details: error instanceof Error ? error.message : String(error) }),
      );
  };
  return run as unknown as grpc.handleUnaryCall<never, never>;
}

/** Runs a step; whatever secret the request held is taken out of the error before anyone sees it. */
async function guarded<T>(
  provider: Provider,
  urn: string,
  given: Properties[],
  step: () => Promise<T> | T,
): Promise<T> {
  try {
    return await step();
  } catch (error) {
    const values = given.flatMap((properties) => secretsIn(properties)).sort((a, b) => b.length - a.length);
    let message = error instanceof Error ? error.message : String(error);
    for (const value of new Set(values)) {
      for (const form of new Set([value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]))
        message = message.replaceAll(form, "[secret]");
    }
    await provider.onFailure?.(urn, message);
    // Without the original as its cause: that one may hold a value.
    return Promise.reject(new Error(message));
  }
}

export function changedKeys(olds: Properties, news: Properties): string[] {
  return [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter((key) => !same(olds[key], news[key]));
}

function propertyDiff(key: string, replace: boolean, olds: Properties, news: Properties): pb.PropertyDiff {
  const kinds = pb.PropertyDiff.Kind;
  const kind =
    !(key in olds) || olds[key] === null
      ? replace
        ? kinds.ADD_REPLACE
        : kinds.ADD
      : !(key in news) || news[key] === null
        ? replace
          ? kinds.DELETE_REPLACE
          : kinds.DELETE
        : replace
          ? kinds.UPDATE_REPLACE
          : kinds.UPDATE;
  return new pb.PropertyDiff().setKind(kind).setInputdiff(true);
}

function failures(list: Failure[] = []): pb.CheckFailure[] {
  return list.map(({ property, reason }) => new pb.CheckFailure().setProperty(property ?? "").setReason(reason));
}
