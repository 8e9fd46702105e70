// What a stack that lost its state can have back from Vault: the values, which generation each is, and since when.
import { Settings } from "../provider/settings.ts";
import type { KvEntry, Vault } from "../provider/vendors/vault.ts";
import { exits, UsageError, type Call, type Exit } from "./command.ts";
import { digest, type Preview } from "./digest.ts";
import { guides } from "./hand-overs/index.ts";
import { nameOf, secretOf } from "./inventory.ts";
import { resolve } from "./names.ts";
import { inventory } from "./secrets.ts";
import { who } from "./who.ts";

interface Place {
  mount: string;
  path: string;
}

/**
 * Takes over everything that the program declares, the stack does not know and Vault holds; named ones alone, if any
 * are. Typed again it does the same again.
 */
export async function adoptFromVault(call: Call): Promise<Exit> {
  const { engine, io, names, options } = call;
  await forgetLostValues(call);
  const preview = (await engine.preview([])) as Preview;
  const known = (await inventory(call)).filter(({ generation }) => generation > 0).map(({ name }) => name);
  const declared = places(preview);
  const waiting = waitingFor(preview, [...declared.values()][0]?.mount ?? "secret");
  const all = [...declared.keys(), ...waiting.keys()].filter((name) => !known.includes(name));
  const wanted = names.length > 0 ? resolve(names, [...new Set([...all, ...known])]) : all;
  const done = wanted.filter((name) => known.includes(name));
  if (done.length > 0)
    throw new UsageError(`${done.join(", ")}: rotated by this stack already; there is nothing to take over.`);
  if (wanted.length === 0) throw new UsageError("The stack knows all of its secrets; there is nothing to take over.");
  const settings = new Settings();
  settings.configure(await engine.values("rotation"));
  const vault = settings.vault();
  const taken: string[] = [];
  const left: string[] = [];
  for (const name of wanted) {
    const place = declared.get(name) ?? waiting.get(name);
    const found = place && (await held(vault, place));
    if (!found) {
      left.push(name);
      continue;
    }
    const { value, since, generation } = found;
    const entry = { generation, by: who(io.env), at: since ?? io.now.toISOString() };
    const [application = "", secret = ""] = name.split("/");
    await engine.setSecret(`${application}:${secret}`, value);
    await engine.setEntry(waiting.has(name) ? "handedOver" : "adopted", name, entry);
    io.say(`${name}: generation ${generation} of ${entry.at}`);
    taken.push(name);
  }
  for (const name of left)
    io.say(
      waiting.has(name)
        ? `${name}: Vault holds no value; a person fetches it: rotate hand-over ${name.replace(/^.*\//, "")}`
        : `${name}: Vault holds no such value; bring what is in use: rotate adopt ${name.replace(/^.*\//, "")} --since <date>; else the next run makes a new one`,
    );
  io.out(
    options["json"]
      ? JSON.stringify({ stored: taken, left })
      : `Stored ${taken.length}. The next run takes them over, once every consumer has proven that it uses them: rotate run`,
  );
  return left.length > 0 ? exits.attention : exits.ok;
}

/**
 * Takes away entries of values that are in the config no more: who lost the passphrase has deleted the values, and the
 * program would wait for them.
 */
async function forgetLostValues({ engine, io }: Call): Promise<void> {
  const keys = await engine.configKeys();
  for (const key of ["adopted", "handedOver"])
    for (const name of Object.keys(await engine.config(key))) {
      if (keys.has(name.replace("/", ":"))) continue;
      await engine.removeEntry(key, name);
      io.say(`${name}: its value in the stack's config is gone, and is looked up in Vault`);
    }
}

/** Where each secret that the next run would make is kept, by its precheck; handed-over values are in the config already. */
function places({ steps = [] }: Preview): Map<string, Place> {
  const found = new Map<string, Place>();
  for (const { urn, newState } of steps) {
    const name = secretOf(nameOf(urn));
    if (!name || newState?.type !== "rotation:index:Precheck" || /:HandedOver\w+\$/.test(urn)) continue;
    const [first] = (newState.inputs?.["backups"] ?? []) as Place[];
    if (first) found.set(name, first);
  }
  return found;
}

/** What the program waits for a person to bring. */
function waitingFor(preview: Preview, mount: string): Map<string, Place> {
  const said = digest(preview).warnings.map((line) => /^(\S+) waits for a person to hand it over/.exec(line)?.[1]);
  const names = said.filter((name) => name !== undefined && guides.has(name)) as string[];
  return new Map(names.map((name) => [name, { mount, path: name }]));
}

async function held(
  vault: Vault,
  { mount, path }: Place,
): Promise<{ value: string; since?: string; generation: number } | undefined> {
  const entry = await vault.read(mount, path);
  const value = entry?.data["value"];
  if (!entry || typeof value !== "string" || value === "") return undefined;
  const generation = Number(entry.data["generation"]);
  const since = sinceOf(entry);
  return {
    value,
    generation: Number.isInteger(generation) && generation >= 1 ? generation : 1,
    ...(since ? { since } : {}),
  };
}

/** When it was made: what the stack wrote beside it, else when Vault took it in. */
function sinceOf({ custom, writtenAt }: KvEntry): string | undefined {
  return [custom?.["window"], writtenAt].find((date) => date && !Number.isNaN(Date.parse(date)));
}
