import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildGo } from "../../../sandbox/toolchain/go.ts";
import { program, scratch } from "./scratch.ts";

describe("building with Go", () => {
  const folder = scratch();
  const lines: string[] = [];
  const build = (path: string) => {
    lines.length = 0;
    writeFileSync(join(folder.path, "go.mod"), "module example\n\ngo 1.25.11\n");
    const output = join(folder.path, "output");
    const onProgress = (line: string) => void lines.push(line);
    return buildGo({ module: folder.path, target: ".", output, name: "tool 1.2.3", path, onProgress });
  };
  /** A `go` that lists and builds as told; returns its folder. */
  const go = (listing: string, building: string, version = "1.26.8") => {
    const body = `case "$1" in version) echo "go version go${version} linux/amd64";; list) ${listing};; build) ${building};; esac`;
    return dirname(program(join(folder.path, "bin/go"), body));
  };

  it("says what to install when there is no Go", async () => {
    await assert.rejects(build(join(folder.path, "nothing")), (error: Error) => {
      assert.match(error.message, /^Go is not on PATH/);
      assert.match(error.message, /tool 1\.2\.3/);
      assert.match(error.message, /Go 1\.25\.11 or newer/);
      assert.match(error.message, /https:\/\/go\.dev\/dl/);
      return true;
    });
  });

  it("says so when Go is too old to help itself to a newer one", async () => {
    await assert.rejects(
      build(go("exit 1", "exit 1", "1.19.8")),
      /^Error: Go 1\.19\.8 \(.*\/go\) is too old, and tool/,
    );
  });

  it("reports downloads, then packages against their number", async () => {
    const path = go(
      'echo "go: downloading a v1" >&2; printf "fmt\\nexample.org/a\\nexample\\n"',
      'echo example.org/a >&2; echo example >&2; echo done > "$8"',
    );
    await build(path);
    assert.deepEqual(lines, [
      "downloading  1 modules so far",
      "building  1/3 packages  33 %",
      "building  2/3 packages  66 %",
    ]);
    assert.ok(existsSync(join(folder.path, "output")));
  });

  it("shows what Go says when it fails, without the list of packages", async () => {
    const path = go("echo example", "echo example >&2; echo './main.go:3:1: syntax error' >&2; exit 1");
    await assert.rejects(build(path), (error: Error) => {
      assert.equal(error.message, "Building tool 1.2.3 from source failed. Go says:\n./main.go:3:1: syntax error");
      return true;
    });
  });

  it("shows what Go says when the modules cannot be downloaded", async () => {
    const path = go("echo 'go: example.org/a@v1: dial tcp: no route to host' >&2; exit 1", "exit 0");
    await assert.rejects(
      build(path),
      /Building tool 1\.2\.3 from source failed\. Go says:\ngo: example\.org.*no route/,
    );
  });
});
