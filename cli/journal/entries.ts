// A state and the entries of a journal, as Pulumi has them (github.com/pulumi/pulumi sdk/go/common/apitype: core.go,
// journal.go). What is encrypted stays as it comes.

/** A resource as states hold it (apitype.ResourceV3): what is looked at here, and the rest. */
export interface Resource {
  urn: string;
  type: string;
  parent?: string;
  provider?: string;
  dependencies?: string[];
  propertyDependencies?: Record<string, string[]>;
  replaceWith?: string[];
  deletedWith?: string;
  viewOf?: string;
  aliases?: string[];
  delete?: boolean;
  pendingReplacement?: boolean;
  [more: string]: unknown;
}

/** A state (apitype.DeploymentV3). */
export interface Deployment {
  manifest?: { time: string; magic: string; version: string };
  secrets_providers?: { type: string; state?: unknown };
  resources?: Resource[];
  pending_operations?: Operation[];
  metadata?: Record<string, unknown>;
  snippets?: unknown[];
  extensions?: Record<string, unknown>;
}

/** A state, and what a reader of it has to understand (apitype.TypedDeployment). */
export interface Typed {
  version: number;
  features?: string[];
  deployment: Deployment;
}

export interface Operation {
  resource: Resource;
  type: string;
}

/** apitype.JournalEntryKind */
export const kinds = {
  begin: 0,
  success: 1,
  failure: 2,
  refreshSuccess: 3,
  outputs: 4,
  write: 5,
  secretsManager: 6,
  rebuiltBaseState: 7,
  extensionParameterize: 8,
  snippets: 9,
} as const;

/** An entry of the journal, version 1. What is "old" is a place in the state before, what is "new" an operation's number. */
export interface Entry {
  version: number;
  kind: number;
  /** Says which came first; an entry that is sent twice has the same one. */
  sequenceID: number;
  operationID: number;
  removeOld?: number | null;
  removeNew?: number | null;
  pendingReplacementOld?: number | null;
  pendingReplacementNew?: number | null;
  deleteOld?: number | null;
  deleteNew?: number | null;
  state?: Resource | null;
  operation?: Operation | null;
  isRefresh?: boolean;
  secretsProvider?: Deployment["secrets_providers"] | null;
  snippets?: unknown[] | null;
  newSnapshot?: Deployment | null;
  extensionRef?: string | null;
  extension?: unknown;
  requiresByteString?: boolean;
}
