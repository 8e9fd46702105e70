// What the index of what is due, the reading of states and the taking away of locks need of a backend, and which one an
// environment means.
import { backendFolder, fileStore } from "./files.ts";

/**
 * The keys and bytes of a self-managed backend, as Pulumi lays them out (github.com/pulumi/pulumi `pkg/backend/diy`):
 * `.pulumi/stacks/<project>/<stack>.json`, `.pulumi/locks/organization/<project>/<stack>/<id>.json`. Every method throws
 * when the backend cannot be asked; no message holds a credential.
 */
export interface Store {
  /** What lies under a key; undefined when nothing does. */
  read(key: string): Promise<Buffer | undefined>;
  /** Every key that begins so, in no order; empty when there is none. */
  list(prefix: string): Promise<string[]>;
  /** Whole or not at all. */
  write(key: string, bytes: string | Buffer): Promise<void>;
  /** What is gone already is no error. */
  remove(key: string): Promise<void>;
  /** Everything below a key that ends with a slash. */
  removeAll(folder: string): Promise<void>;
}

/** One for each address: stacks that are read side by side share connections. */
const opened = new Map<string, Promise<Store | undefined>>();

/**
 * The store in which pulumi keeps its state. What it takes to talk to it is loaded only when it is meant.
 * @param env of it PULUMI_BACKEND_URL, and what the clients of S3 and Postgres take from there; a backend that was only
 * chosen with `pulumi login` is not looked up
 * @returns undefined for Pulumi Cloud, Azure, Google, and every address of which something is not understood
 */
export async function openStore(env: NodeJS.ProcessEnv): Promise<Store | undefined> {
  const url = env["PULUMI_BACKEND_URL"] ?? "";
  const folder = backendFolder(env);
  if (folder !== undefined) return fileStore(folder, /[?&]metadata=skip(&|$)/.test(url));
  if (!/^(s3|postgres):\/\//.test(url)) return undefined;
  const known = opened.get(url);
  if (known) return known;
  const opening = url.startsWith("s3:")
    ? import("./s3.ts").then(({ openS3 }) => openS3(url, env))
    : import("./postgres.ts").then(({ openPostgres }) => openPostgres(url, env));
  opened.set(url, opening);
  return opening;
}

/**
 * The same store as it is at one moment, for a look at many stacks of a project: what lies in its folders of states, of
 * journals and of locks is listed once, and not for every stack. A run that begins after that is one that begins after the look.
 */
export function atOneMoment(store: Store): Store {
  const listed = new Map<string, Promise<string[]>>();
  return {
    ...store,
    async list(prefix) {
      const folder = /^\.pulumi\/(stacks|locks\/organization|secret-rotation)\/[^/]+\//.exec(prefix)?.[0] ?? prefix;
      const listing = listed.get(folder) ?? store.list(folder);
      listed.set(folder, listing);
      return (await listing).filter((key) => key.startsWith(prefix));
    },
  };
}

/**
 * The address of a self-managed backend in parts, when it is of a plain kind.
 * @returns undefined for what is no such address, or gives a parameter twice or without a value
 */
export function parseAddress(address: string): { url: URL; parameters: Map<string, string> } | undefined {
  // `/../` is a folder to Go and a way up to URL.
  if (!URL.canParse(address) || /\/(\.|%2e){1,2}(\/|\?|$)/i.test(address)) return undefined;
  const url = new URL(address);
  const parameters = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (parameters.has(name) || value === "") return undefined;
    parameters.set(name, value);
  }
  return { url, parameters };
}

/**
 * What stands before every key: the parameter `prefix` as it is (gocloud.dev/blob, applyPrefixParam), then the address's
 * path as a folder (pkg/backend/diy/backend.go, newDIYBackend), which on Postgres is the database's name once more.
 * @returns undefined for characters that gocloud would escape
 */
export function keyPrefix(url: URL, parameters: Map<string, string>): string | undefined {
  const folder = decodeURIComponent(url.pathname).replace(/^\/+/, "");
  const prefix = (parameters.get("prefix") ?? "") + (folder === "" || folder.endsWith("/") ? folder : `${folder}/`);
  return /^[\w.@+=-]?([\w.@+= -]|\/(?!\/))*$/.test(prefix) && !prefix.includes("..") ? prefix : undefined;
}
