// Types `rotate` as a person would; a value, where there is one, goes through standard input.
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Row } from "../../cli/inventory.ts";
import { repository } from "../../sandbox/stack.ts";
import type { World } from "./world.ts";

export interface Typed {
  code: number;
  out: string;
  said: string;
}

export interface TypeOptions {
  input?: string;
  env?: Record<string, string>;
  /** Takes the process id of what was started. */
  onStart?: (pid: number) => void;
}

export class Typist {
  readonly #world: World;
  /** All that was printed so far. */
  readonly everything: string[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  type(now: string, args: string[], { input = "", env = {}, onStart }: TypeOptions = {}): Promise<Typed> {
    return new Promise((resolve, reject) => {
      const { sandbox, dir, gate } = this.#world;
      gate.give(env);
      const all = { ...process.env, ...sandbox.env, ROTATION_NOW: now, SANDBOX_NOW: now, ...env };
      const child = spawn(join(repository, "rotate"), args, { cwd: dir, env: all, stdio: ["pipe", "pipe", "pipe"] });
      if (child.pid) onStart?.(child.pid);
      const typed = { code: 1, out: "", said: "" };
      child.stdout.setEncoding("utf8").on("data", (text: string) => (typed.out += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (typed.said += text));
      child.on("error", reject);
      child.on("close", (code) => {
        this.everything.push(typed.out, typed.said);
        gate.note(`rotate ${args.join(" ")}`, typed.out + typed.said);
        resolve({ ...typed, code: code ?? 1 });
      });
      child.stdin.on("error", () => undefined);
      child.stdin.end(input);
    });
  }

  /** The inventory by the secrets' own names. */
  async rows(now: string): Promise<Map<string, Row>> {
    const { out } = await this.type(now, ["status", "--json"]);
    return new Map((JSON.parse(out) as { secrets: Row[] }).secrets.map((row) => [row.secret, row]));
  }
}
