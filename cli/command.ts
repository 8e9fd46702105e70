// What every subcommand of `rotate` is, and how it ends.
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import type { Engine } from "./engine.ts";

/** How a command ends; scripts rely on these. */
export const exits = {
  /** Done; nothing needs a person. */
  ok: 0,
  /** It failed; standard error says why. What was in use stays valid. */
  failed: 1,
  /** The command line is wrong, or it names something that does not exist. Nothing was changed. */
  usage: 2,
  /** Done, and something needs attention: overdue, held, unfinished, or left for a person. */
  attention: 3,
} as const;
export type Exit = (typeof exits)[keyof typeof exits];

/** A mistake on the command line: what was wrong and what to type. Nothing has happened. */
export class UsageError extends Error {}
/** Something that was tried and did not work. */
export class Failure extends Error {}

export interface Io {
  /** Results: text, or one JSON document with --json. */
  out: (text: string) => void;
  /** Progress and errors. */
  say: (text: string) => void;
  /** Replaces the last line of a terminal by where a run stands; "" takes it away. Absent where none can be rewritten. */
  rewrite?: ((text: string) => void) | undefined;
  env: NodeJS.ProcessEnv;
  /** Where values are read from. */
  input: NodeJS.ReadStream;
  /** The time by which everything of this call is judged. */
  now: Date;
  colour: boolean;
}

export interface Options {
  [name: string]: string | boolean | undefined;
}

export interface Call {
  options: Options;
  /** What is left of the command line: names of secrets, mostly. */
  names: string[];
  engine: Engine;
  io: Io;
}

export interface Command {
  /** One line for the list of commands. */
  summary: string;
  /** The whole of `--help`. */
  help: string;
  options: ParseArgsOptionsConfig;
  run(call: Call): Promise<Exit>;
}

/** Every command has these. */
export const common: ParseArgsOptionsConfig = {
  stack: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
};

/** @throws UsageError that names the option that is not known */
export function parse(command: Command, args: string[]): { options: Options; names: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { ...command.options, ...common },
      allowPositionals: true,
    });
    return { options: values as Options, names: positionals };
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\. To specify.*$/s, ""));
  }
}

/** A required text option. @throws UsageError that says what to type */
export function given(options: Options, name: string, like: string): string {
  const value = options[name];
  if (typeof value !== "string" || value.trim() === "")
    throw new UsageError(`--${name} is missing; give it like: --${name} ${like}`);
  return value.trim();
}
