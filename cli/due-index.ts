// What lets a scheduled run of a stack start no engine: a few lines beside the state that say, of the last run that
// left nothing to do, which state, configuration, program and surroundings it saw, and until when nothing is due. If
// any of them differs by a byte, or they are missing, old or broken, the engine runs; it can only cost time.
import { createHash, createHmac } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { openStore, type Store } from "./backends/store.ts";
import { repository } from "./engine.ts";
import { isLocked, projectName, readState, type StateFile } from "./state-file.ts";
import { wakeAt } from "./wake.ts";

interface Index {
  version: 1;
  /** SHA-256 of the state's bytes. */
  state: string;
  /** Of everything that a run is decided by, beside state and time. */
  surroundings: string;
  /** RFC 3339: when the engine ran. */
  checkedAt: string;
  /** RFC 3339: from when on the engine is needed; "" for never. */
  wakeAt: string;
}

/** Files and folders of the repository that decide what a run does. */
const program = [
  "index.ts",
  "Pulumi.yaml",
  "package-lock.json",
  "applications",
  "components",
  "provider",
  "policies",
  "cli",
];

/** The environment's variables that are credentials: they come and go, and decide nothing. */
const credential = /(TOKEN|KEY|PASSWORD|PASSPHRASE|SECRET|ADMIN_URL|WEBHOOK_URL)$/;
const ofThisRunOnly =
  /^(ROTATION_(NOW|RUN_.*)|GITHUB_(RUN|SHA|REF|STEP|EVENT|OUTPUT|ACTION|JOB|WORKSPACE|ACTOR|HEAD|BASE_REF).*|NODE_.*)$/;

/**
 * The stack's state, when nothing in it is due: the engine would change nothing.
 * @param stack its name; what is only selected with `pulumi stack select` is not looked up
 * @param open what opens the backend; for many stacks at once, one that shares what it lists
 * @returns undefined when the engine is to be asked, also because the backend cannot be
 */
export async function nothingDue(
  env: NodeJS.ProcessEnv,
  stack: string | undefined,
  now: Date,
  open = openStore,
): Promise<StateFile | undefined> {
  try {
    const place = await placeOf(env, stack, open);
    const text = await place?.store.read(place.key);
    const index = text && parse(text.toString("utf8"));
    if (!place || index?.version !== 1) return undefined;
    const { checkedAt, wakeAt: wakes } = index;
    // A clock that was set back is a reason to look again.
    if (!(Date.parse(checkedAt) <= now.getTime())) return undefined;
    if (wakes !== "" && !(now.getTime() < Date.parse(wakes))) return undefined;
    if (index.surroundings !== surroundings(env, place.stack)) return undefined;
    const [locked, state] = await Promise.all([
      isLocked(place.store, place.project, place.stack),
      readState(place.store, place.project, place.stack),
    ]);
    return !locked && state?.hash === index.state ? state : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Remembers that a whole run of the stack has just succeeded; forgets what was remembered when more is to be done.
 * @returns why it could not be remembered, where it should have been: the next run starts the engine for nothing
 */
export async function remember(
  env: NodeJS.ProcessEnv,
  stack: string | undefined,
  now: Date,
): Promise<string | undefined> {
  try {
    const place = await placeOf(env, stack);
    if (!place) return undefined;
    const state = await readState(place.store, place.project, place.stack);
    const wakes = state && wakeAt(state.state, now);
    if (!state || wakes === undefined) {
      await place.store.remove(place.key);
      return undefined;
    }
    const index: Index = {
      version: 1,
      state: state.hash,
      surroundings: surroundings(env, place.stack),
      checkedAt: now.toISOString(),
      wakeAt: wakes,
    };
    await place.store.write(place.key, `${JSON.stringify(index)}\n`);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Where a stack's index lies; undefined where there can be none. */
async function placeOf(
  env: NodeJS.ProcessEnv,
  stack: string | undefined,
  open = openStore,
): Promise<{ store: Store; project: string; stack: string; key: string } | undefined> {
  const project = projectName(env);
  if (!stack || !project) return undefined;
  const store = await open(env);
  return store && { store, project, stack, key: `.pulumi/secret-rotation/${project}/${stack}.json` };
}

function parse(text: string): Index | undefined {
  try {
    return JSON.parse(text) as Index;
  } catch {
    return undefined;
  }
}

let read: { hash: string; variables: string[] } | undefined;

/** One hash of the program, the stack's configuration and the environment's variables that the program names. */
function surroundings(env: NodeJS.ProcessEnv, stack: string): string {
  read ??= readProgram([
    ...program.map((name) => join(repository, name)),
    ...(env["PULUMI_OPTION_CWD"] ? [env["PULUMI_OPTION_CWD"]] : []),
  ]);
  const file = env["PULUMI_OPTION_CONFIG_FILE"];
  const config = file
    ? join(dirname(file), `Pulumi.${stack}.yaml`)
    : join(env["PULUMI_OPTION_CWD"] ?? repository, `Pulumi.${stack}.yaml`);
  const named = read.variables.map((name) => [name, env[name] ?? ""]);
  // Keyed, since nobody can say of every variable that its value is no secret.
  return createHmac("sha256", env["ROTATION_FINGERPRINT_KEY"] ?? "")
    .update(JSON.stringify([read.hash, process.version, existsSync(config) ? readFileSync(config, "utf8") : "", named]))
    .digest("hex");
}

function readProgram(places: string[]): { hash: string; variables: string[] } {
  const hash = createHash("sha256");
  const variables = new Set<string>();
  const files = places.flatMap((place) => (existsSync(place) ? listed(place) : []));
  for (const file of files.sort()) {
    const text = readFileSync(file, "utf8");
    hash.update(`${file.slice(repository.length)}\0${text.length}\0`).update(text);
    for (const [, name = ""] of text.matchAll(/["'.]([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b/g))
      if (!credential.test(name) && !ofThisRunOnly.test(name)) variables.add(name);
  }
  return { hash: hash.digest("hex"), variables: [...variables].sort() };
}

/** The file itself, or every file below a folder. */
function listed(place: string): string[] {
  if (statSync(place).isFile()) return [place];
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name));
}
