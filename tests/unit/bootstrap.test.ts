// How a file of this project is started: with this Node where it can, without a process that only waits.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { relative, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

describe("bootstrap.mjs", () => {
  const file = join(root, "tests", "unit", `started-${process.pid}.ts`);
  after(() => rmSync(file, { force: true }));

  it("hands over arguments, environment, standard input and exit code, and says nothing of its own", () => {
    writeFileSync(
      file,
      `import { readFileSync } from "node:fs";
       const said: string[] = [process.argv.slice(2).join("+"), process.env["MARK"] ?? "", readFileSync(0, "utf8")];
       console.log(JSON.stringify([...said, process.pid, process.ppid]));
       process.exitCode = 7;`,
    );
    const ran = spawnSync(process.execPath, ["bootstrap.mjs", relative(root, file), "a b", "--c"], {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, MARK: "seen" },
      input: "sent",
    });
    assert.deepEqual([ran.status, ran.stderr], [7, ""]);
    const [args, mark, input, pid, parent] = JSON.parse(ran.stdout) as [string, string, string, number, number];
    assert.deepEqual([args, mark, input], ["a b+--c", "seen", "sent"]);
    if (process.platform !== "win32") assert.deepEqual([pid, parent], [ran.pid, process.pid], "no process waits");
  });

  it("ends by the signal that ended the file", () => {
    writeFileSync(file, `process.kill(process.pid, "SIGTERM"); setInterval(() => undefined, 1000);`);
    const ran = spawnSync(process.execPath, ["bootstrap.mjs", relative(root, file)], { cwd: root, encoding: "utf8" });
    assert.ok(ran.signal === "SIGTERM" || ran.status === 128 + 15, `${ran.signal} ${ran.status}`);
  });
});
