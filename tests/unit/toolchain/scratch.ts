// What the toolchain's tests pretend with: throw-away folders and programs that are a few lines of shell.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Progress } from "../../../sandbox/toolchain/progress.ts";

/** A folder that is gone after the test; call inside `describe`. */
export function scratch(): { path: string } {
  const folder = { path: "" };
  beforeEach(() => {
    folder.path = mkdtempSync(join(tmpdir(), "toolchain-"));
  });
  afterEach(() => rmSync(folder.path, { recursive: true, force: true }));
  return folder;
}

/** Writes a shell script that can be run, with the folders above it. */
export function program(file: string, body: string): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A reporter that remembers every line, as `name: text`. */
export function recorder(): Progress & { lines: string[] } {
  const lines: string[] = [];
  const say = (name: string) => (text?: string) => void lines.push(`${name}: ${text ?? "built"}`);
  return { lines, step: (name) => ({ update: say(name), done: say(name), failed: say(name) }) };
}
