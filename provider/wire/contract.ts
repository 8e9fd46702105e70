// What a provider plugin and each of its resources are to the rest of this project. `serve.ts` speaks the
// engine's protocol for them; pulumi/pulumi `proto/pulumi/provider.proto` says what each call means.
import type { Properties, Value } from "./values.ts";

/** A problem with one input, shown to the person before anything has happened. */
export interface Failure {
  property?: string;
  reason: string;
}

/** Writes to the engine's diagnostics of one resource. Never give it a value. */
export interface Log {
  info: (message: string) => void;
  warn: (message: string) => void;
}

interface Call {
  urn: string;
  /** The last part of the URN. */
  name: string;
  log: Log;
}

export interface CheckRequest extends Call {
  inputs: Properties;
  /** Inputs as the last successful step left them; undefined when the resource is new. */
  oldInputs: Properties | undefined;
}

export interface CheckResult {
  inputs: Properties;
  failures?: Failure[];
}

export interface DiffRequest extends Call {
  id: string;
  oldInputs: Properties;
  oldOutputs: Properties;
  inputs: Properties;
  ignoreChanges: string[];
}

export interface DiffResult {
  /** Top-level inputs that changed. Nothing changed: empty. */
  changed: string[];
  /** Those of them that need a new resource. */
  replaces?: string[];
  deleteBeforeReplace?: boolean;
}

export interface CreateRequest extends Call {
  inputs: Properties;
  preview: boolean;
  /** Seconds, 0 when the program set none. */
  timeout: number;
}

export interface UpdateRequest extends CreateRequest {
  id: string;
  oldInputs: Properties;
  oldOutputs: Properties;
}

export interface ReadRequest extends Call {
  id: string;
  /** Empty on an import. */
  inputs: Properties;
  outputs: Properties;
}

export interface DeleteRequest extends Call {
  id: string;
  oldInputs: Properties;
  outputs: Properties;
  timeout: number;
}

export interface Resource {
  /** For instance `rotation:index:Schedule`. */
  token: string;
  /** Default: the inputs as they came. Runs in previews too. */
  check?(request: CheckRequest): Promise<CheckResult> | CheckResult;
  /** Default: inputs compared by content, changed in place. */
  diff?(request: DiffRequest): Promise<DiffResult> | DiffResult;
  create(request: CreateRequest): Promise<{ id: string; outputs: Properties }>;
  /** Left out: every change replaces. */
  update?(request: UpdateRequest): Promise<Properties>;
  /** Default: state as it is. `undefined` says that the thing is gone. */
  read?(request: ReadRequest): Promise<{ id: string; inputs: Properties; outputs: Properties } | undefined>;
  /** Default: nothing to do. */
  delete?(request: DeleteRequest): Promise<void>;
}

export interface Provider {
  name: string;
  version: string;
  /**
   * Whether secrets reach the provider as `Secret`. Without it the engine strips them, and marks outputs secret
   * when the input of the same name was (as bridged Terraform providers have it).
   */
  acceptSecrets: boolean;
  resources: Resource[];
  functions?: Record<string, (args: Properties) => Promise<Properties | { failures: Failure[] }>>;
  /** Validates provider configuration; the default accepts everything. */
  checkConfig?(inputs: Properties): CheckResult;
  /** Called once before the first resource, with `<provider>:<key>` configuration by its key. */
  configure?(config: Properties): Promise<void>;
  /** Called when a step of one of the resources has failed, after the error was made clean of values; the engine hears of it then. */
  onFailure?(urn: string, message: string): Promise<void> | void;
  /** Called when the engine asks to stop early and when it goes away; finish what must not be lost. */
  stop?(): Promise<void>;
  /** The engine was killed, and this process ends when this returns. Nothing may go on meanwhile. */
  gone?(): void;
}

export type { Properties, Value };
