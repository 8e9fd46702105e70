// The guides, checked as a reader would use them: every command parses, every file and setting that is named exists,
// every example is the file that is compiled, and what stands under "In the sandbox" is run.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { commands } from "../../cli/main.ts";
import { parse } from "../../cli/command.ts";
import { guides } from "../../cli/hand-overs/index.ts";
import { settingNames } from "../../provider/settings.ts";
import { repository } from "../../sandbox/stack.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

interface Block {
  file: string;
  language: string;
  text: string;
  /** The heading above it. */
  section: string;
}

const files = [
  "README.md",
  ...readdirSync(join(repository, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const textOf = (file: string): string => readFileSync(join(repository, file), "utf8");
const blocks = files.flatMap((file) => blocksOf(file));
const lines = blocks
  .filter(({ language }) => ["", "bash", "sh"].includes(language))
  .flatMap(({ file, text }) => unfolded(text).map((line) => ({ file, line })));
const typed = (program: RegExp) => lines.filter(({ line }) => program.test(line));

describe("the guides", () => {
  it("type only commands of rotate that there are, with options that they have", () => {
    const found = typed(/^(\.\/)?rotate |^npm run shell -- \.\/rotate /);
    assert.ok(found.length > 20, `${found.length} commands`);
    for (const { file, line } of found) {
      const [name = "", ...args] = words(line.replace(/^.*?rotate /, ""));
      const command = commands[name];
      assert.ok(command, `${file}: ${line}: there is no command "${name}"`);
      assert.doesNotThrow(() => parse(command, args), `${file}: ${line}`);
    }
  });

  it("name commands and options of rotate in running text that there are", () => {
    let found = 0;
    for (const file of files)
      for (const [, code = ""] of textOf(file).matchAll(/`(?:\.\/)?rotate ([a-z][^`]*)`/g)) {
        const [name = "", ...args] = words(code.replaceAll("\\|", "|"));
        const command = commands[name];
        // `rotate.yml`, or a word of the sentence.
        if (!command) assert.ok(!/^[a-z-]+$/.test(name), `${file}: \`rotate ${code}\`: there is no command "${name}"`);
        const known = { ...command?.options, help: {}, json: {}, stack: {} };
        for (const option of args.flatMap((arg) => /^\[?--([a-z-]+)/.exec(arg)?.[1] ?? []))
          assert.ok(option in known, `${file}: \`rotate ${code}\`: there is no option --${option}`);
        found += 1;
      }
    assert.ok(found > 40, `${found} commands`);
  });

  it("type only scripts of npm that there are", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
    for (const { file, line } of typed(/^npm /)) {
      const [, verb = "", name = ""] = words(line).filter((word) => word !== "-s");
      if (verb === "ci" || verb === "install") continue;
      assert.ok((verb === "run" ? name : verb) in scripts, `${file}: ${line}`);
    }
  });

  it("type only commands of pulumi that the CLI knows, and settings that something reads", async function () {
    this.timeout(buildTimeoutMs);
    const { binDir } = await toolchain();
    const env = { ...process.env, PATH: `${binDir}:${process.env["PATH"] ?? ""}` };
    const seen = new Set<string>();
    for (const { file, line } of typed(/^(export .*)?pulumi |&& pulumi /)) {
      for (const part of line.split("&&").filter((each) => each.trim().startsWith("pulumi "))) {
        const args = words(part.trim()).slice(1);
        const verbs = args.slice(0, ["stack", "config", "policy"].includes(args[0] ?? "") ? 2 : 1);
        const verb = verbs.filter((word) => /^[a-z-]+$/.test(word) && !word.startsWith("-")).join(" ");
        const flags = args.flatMap((arg) => /^(--[a-z-]+)/.exec(arg)?.[1] ?? []);
        if (!seen.has(`${verb} ${flags.join()}`)) {
          seen.add(`${verb} ${flags.join()}`);
          const help = execFileSync("pulumi", [...verb.split(" "), "--help"], { env, encoding: "utf8" });
          // Of a command that it does not know the CLI shows the help of the one above.
          const above = verb.includes(" ") ? `pulumi ${verb.split(" ")[0] ?? ""} [command]` : "pulumi [command]";
          assert.ok(!help.includes(above), `${file}: ${line}`);
          for (const flag of flags) assert.ok(help.includes(flag), `${file}: ${line}: ${flag}`);
        }
        if (verb === "config set") knownKey(file, args.filter((arg) => !arg.startsWith("-"))[2] ?? "");
      }
    }
    assert.ok(seen.size > 8, [...seen].join("; "));
  });

  it("link only files that there are, and every guide is found from the README", () => {
    const linked = new Set<string>();
    for (const file of files)
      for (const [, target = ""] of textOf(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const path = join(dirname(file), target);
        assert.ok(existsSync(join(repository, path)), `${file} links ${target}`);
        if (file === "README.md") linked.add(path);
      }
    for (const file of files.slice(1)) assert.ok(linked.has(file), `README.md does not link ${file}`);
  });

  it("name only files that there are", () => {
    const folders = "applications|bench|ci|cli|components|docs|monitoring|policies|provider|sandbox|tests|vault";
    for (const file of files)
      for (const [, path = ""] of textOf(file).matchAll(new RegExp(`\`((?:${folders})/[\\w./-]+)\``, "g")))
        assert.ok(existsSync(join(repository, path)), `${file} names ${path}`);
  });

  it("show the very examples that are compiled and run", () => {
    const examples = blocks.filter(({ language }) => language.startsWith("ts file="));
    assert.equal(examples.length, 5);
    for (const { file, language, text } of examples)
      assert.equal(
        text,
        textOf(`tests/programs/extending/${language.slice("ts file=".length)}`),
        `${file}: ${language}`,
      );
  });

  it("can be followed in the sandbox", async function () {
    this.timeout(buildTimeoutMs);
    const commandsThere = blocks
      .filter(({ language, section }) => language === "bash" && section === "In the sandbox")
      .flatMap(({ text }) => unfolded(text));
    assert.ok(commandsThere.length >= 5);
    const dir = newDir();
    try {
      for (const line of commandsThere) {
        // Another folder than the reader's own, so that a test touches no sandbox that is in use.
        const [, verb = "", ...rest] = words(line);
        const args =
          verb === "run"
            ? ["run", "-s", "shell", "--", "--dir", dir, ...rest.slice(2)]
            : ["run", verb, "--", "--dir", dir];
        const { code, output } = await npm(args);
        // `rotate` ends with 3 where something is left for a person: hand-overs that fall due.
        assert.ok(code === 0 || (code === 3 && rest.includes("./rotate")), `${line}\n${output}`);
      }
    } finally {
      await discard(dir);
    }
  });
});

/** `<namespace>:<key>`: read by the program, the plugin, or a published provider. */
function knownKey(file: string, typedKey: string): void {
  const [namespace = "", key = ""] = typedKey.includes(":") ? typedKey.split(":") : ["secret-rotation", typedKey];
  const name = key.replace(/[.[].*$/, "");
  if (namespace === "rotation") {
    assert.ok((settingNames as string[]).includes(name), `${file}: ${typedKey} is no setting of the plugin`);
    return;
  }
  if (namespace === "vault" || namespace === "github") {
    assert.ok(["address", "token", "owner"].includes(name), `${file}: ${typedKey}`);
    return;
  }
  if (guides.has(`${namespace}/${name}`)) return;
  const folders = ["applications", "components", "cli", "provider", "tests/programs"].map((each) =>
    join(repository, each),
  );
  const { status } = spawnSync("grep", ["-rqF", `"${name}"`, ...folders]);
  assert.equal(status, 0, `${file}: nothing reads ${typedKey}`);
}

function npm(args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("npm", args, { cwd: repository, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** Fenced and indented blocks of a page; indented ones have no language. */
function blocksOf(file: string): Block[] {
  const found: Block[] = [];
  let [section, open, before] = ["", undefined as Block | undefined, ""];
  let fence = "";
  for (const line of textOf(file).split("\n")) {
    const marker = /^(\s*)```(.*)$/.exec(line);
    if (fence !== "") {
      if (marker?.[2] === "") [fence, open] = ["", undefined];
      else if (open) open.text += `${line}\n`;
    } else if (marker) {
      fence = "```";
      open = { file, language: marker[2] ?? "", text: "", section };
      found.push(open);
    } else if (/^ {4,}\S/.test(line) && (open || before === "")) {
      if (!open) found.push((open = { file, language: "", text: "", section }));
      open.text += `${line.trim()}\n`;
    } else {
      open = undefined;
      section = /^#+ (.*)$/.exec(line)?.[1] ?? section;
    }
    before = line.trim();
  }
  return found;
}

/** Commands, one a line: continued lines joined, remarks taken away. */
function unfolded(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map((line) =>
      line
        .replace(/^\$ /, "")
        .replace(/(^|\s)#.*$/, "")
        .trim(),
    )
    .filter((line) => line !== "");
}

/** Words as a shell would split them, as far as the guides need it; pipes and redirections end a command. */
function words(line: string): string[] {
  const found = line.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  const end = found.findIndex((word) => ["|", "<", ">", "||", ";"].includes(word));
  return (end < 0 ? found : found.slice(0, end)).map((word) => word.replace(/^["']|["']$/g, ""));
}
