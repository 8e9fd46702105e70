import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { downloadPlugin, downloadPulumi, network } from "../../../sandbox/toolchain/download.ts";
import { program, recorder, scratch } from "./scratch.ts";

describe("downloading what is official", () => {
  const folder = scratch();
  let servers: Server[] = [];
  afterEach(() => {
    for (const server of servers) server.close();
    servers = [];
  });
  const listen = async (server: Server) => {
    servers.push(server.listen(0, "127.0.0.1"));
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const open = async () => network({ host: "127.0.0.1", port: await listen(createServer((socket) => socket.end())) });

  it("asks once whether the network is open", async () => {
    let asked = 0;
    const server = createServer((socket) => socket.end());
    server.on("connection", () => asked++);
    const net = network({ host: "127.0.0.1", port: await listen(server) });
    assert.deepEqual([await net.isOpen(), await net.isOpen()], [true, true]);
    assert.equal(asked, 1);
    net.close();
    assert.equal(await net.isOpen(), false);
  });

  it("takes no answer, no name and no route for closed, within the limit", async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    servers = [];
    const started = Date.now();
    assert.equal(await network({ host: "127.0.0.1", port }).isOpen(), false);
    assert.equal(await network({ host: "nowhere.invalid", port: 443 }, 500).isOpen(), false);
    assert.equal(await network({ host: "192.0.2.1", port: 443 }, 300).isOpen(), false); // RFC 5737: goes nowhere
    assert.ok(Date.now() - started < 2_000);
  });

  it("does not even ask when SECRET_ROTATION_OFFLINE is set", async () => {
    process.env["SECRET_ROTATION_OFFLINE"] = "1";
    try {
      assert.equal(await (await open()).isOpen(), false);
    } finally {
      delete process.env["SECRET_ROTATION_OFFLINE"];
    }
  });

  it("unpacks the CLI with its language host into the cache, once", async () => {
    program(join(folder.path, "release/pulumi/pulumi"), "echo v3.259.0");
    program(join(folder.path, "release/pulumi/pulumi-language-nodejs"), "");
    const archive = join(folder.path, "archive.tar.gz");
    execFileSync("tar", ["-czf", archive, "-C", join(folder.path, "release"), "pulumi"]);
    const asked: string[] = [];
    const port = await listen(
      createHttpServer((request, reply) => {
        asked.push(request.url ?? "");
        reply.end(readFileSync(archive));
      }),
    );
    const options = { root: join(folder.path, "cache"), from: `http://127.0.0.1:${port}` };
    const net = await open();
    const first = await downloadPulumi("3.259.0", net, recorder(), options);
    const second = await downloadPulumi("3.259.0", net, recorder(), options);
    assert.equal(first, second);
    assert.deepEqual(asked, [`/pulumi-v3.259.0-${process.platform}-${process.arch}.tar.gz`]);
    assert.equal(execFileSync(join(first ?? "", "pulumi")).toString(), "v3.259.0\n");
    assert.ok(existsSync(join(first ?? "", "pulumi-language-nodejs")));
    assert.equal(existsSync(join(first ?? "", "archive.tar.gz")), false);
  });

  it("falls back, and tries nothing else in this run, when the download fails", async () => {
    const port = await listen(createHttpServer((_, reply) => reply.writeHead(403).end("proxy says no")));
    const net = await open();
    const progress = recorder();
    const options = { root: join(folder.path, "cache"), from: `http://127.0.0.1:${port}` };
    assert.equal(await downloadPulumi("3.259.0", net, progress, options), undefined);
    assert.match(progress.lines.at(-1) ?? "", /could not be downloaded: .* answered 403/);
    assert.equal(await net.isOpen(), false);
  });

  it("lets the CLI install a plugin from where its npm package says", async () => {
    const log = join(folder.path, "log");
    const pulumi = program(join(folder.path, "pulumi"), `echo "$PULUMI_HOME $@" >> ${log}`);
    const time = { name: "time", package: "@pulumiverse/time", version: "0.1.1", server: "github://example.org/time" };
    const random = { name: "random", package: "@pulumi/random", version: "4.21.2", server: undefined };
    for (const provider of [time, random]) {
      assert.equal(await downloadPlugin(pulumi, provider, "/home/pulumi", await open(), recorder()), true);
    }
    assert.deepEqual(readFileSync(log, "utf8").trim().split("\n"), [
      "/home/pulumi plugin install resource time v0.1.1 --server github://example.org/time",
      "/home/pulumi plugin install resource random v4.21.2",
    ]);
  });

  it("says why a plugin could not be installed, and closes the network", async () => {
    const pulumi = program(join(folder.path, "pulumi"), "echo 'error: 403 rate limit' >&2; exit 255");
    const random = { name: "random", package: "@pulumi/random", version: "4.21.2", server: undefined };
    const progress = recorder();
    const net = await open();
    assert.equal(await downloadPlugin(pulumi, random, "/home/pulumi", net, progress), false);
    assert.match(progress.lines.at(-1) ?? "", /403 rate limit/);
    assert.equal(await net.isOpen(), false);
  });
});
