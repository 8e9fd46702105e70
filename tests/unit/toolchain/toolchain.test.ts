import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { detectOfficial } from "../../../sandbox/toolchain/official.ts";
import { silent } from "../../../sandbox/toolchain/progress.ts";
import { ensureToolchain, type Makers, summary } from "../../../sandbox/toolchain/toolchain.ts";
import { providerPackages, pulumiVersion, repository, vaultVersion } from "../../../sandbox/toolchain/versions.ts";
import { program, scratch } from "./scratch.ts";

const installed: Record<string, string> = {
  "@pulumi/random": '{"version":"4.21.2","pulumi":{"version":"4.21.2"}}',
  "@pulumiverse/time": '{"version":"v0.1.1","pulumi":{"server":"github://example.org/time"}}',
  "@pulumi/vault": '{"version":"7.8.0"}',
  "@pulumi/github": '{"version":"6.15.0"}',
  "@pulumi/kubernetes": '{"version":"4.34.2"}',
};

describe("the toolchain", () => {
  const folder = scratch();
  const at = (...parts: string[]) => join(folder.path, ...parts);

  beforeEach(() => {
    for (const [name, manifest] of Object.entries(installed)) {
      mkdirSync(at("it's a repo/node_modules", name), { recursive: true });
      writeFileSync(at("it's a repo/node_modules", name, "package.json"), manifest);
    }
  });

  const plugin = (name: string, version: string) =>
    program(at("home/plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`), `echo ${name} ${version}`);
  const officialCli = () => {
    program(at("official/pulumi-language-nodejs"), "");
    return program(at("official/pulumi"), '[ "$1" = version ] && echo v3.271.1');
  };
  const ensure = async (path: string[] = [at("official")], makers: Partial<Makers> = {}) => {
    const built: string[] = [];
    const make = (name: string, version: string) => async () => {
      built.push(name);
      return { path: program(at("made", name), `echo made ${name}`), version };
    };
    const servers = async () => ({
      postgresBin: "/pg/bin",
      postgresVersion: "15.18",
      redisServer: "/redis-server",
      redisVersion: "7.0.15",
    });
    const toolchain = await ensureToolchain({
      progress: silent,
      repo: at("it's a repo"),
      cache: at("cache"),
      path: path.join(delimiter),
      pulumiHome: at("home"),
      network: { isOpen: () => Promise.resolve(false), close: () => {} },
      makers: { pulumi: make("pulumi", "3.259.0"), vault: make("vault", "1.19.5"), servers, ...makers },
    });
    const own = join(toolchain.binDir, "home/plugins");
    const launchers = [
      ...readdirSync(toolchain.binDir).filter((name) => name.startsWith("pulumi")),
      ...readdirSync(own).filter((name) => !lstatSync(join(own, name)).isSymbolicLink()),
    ];
    const origin = Object.fromEntries(toolchain.parts.map((part) => [part.name, part.origin]));
    return { ...toolchain, built, launchers: launchers.sort(), origin };
  };

  it("uses what is official and makes no launcher for it", async () => {
    const cli = officialCli();
    for (const [name, version] of Object.entries({ random: "4.21.2", time: "0.1.1", vault: "7.8.0", github: "6.15.0" }))
      plugin(name, version);
    plugin("kubernetes", "4.34.2");
    const toolchain = await ensure();
    assert.deepEqual(toolchain.launchers, []);
    assert.deepEqual(toolchain.built, ["vault"]);
    assert.equal(toolchain.pulumi, cli);
    assert.equal(toolchain.pulumiHome, at("home"));
    for (const name of ["pulumi", "nodejs host", "random", "time", "vault", "github", "kubernetes"]) {
      if (name !== "vault") assert.equal(toolchain.origin[name], "official", name);
    }
    assert.match(
      summary(toolchain.parts),
      /^official: pulumi 3\.271\.1, nodejs host 3\.271\.1, random 4\.21\.2, time 0\.1\.1, vault 7\.8\.0, /,
    );
  });

  it("builds the CLI and stands in for everything on a closed network", async () => {
    const toolchain = await ensure([at("nothing")]);
    assert.deepEqual(toolchain.built, ["pulumi", "vault"]);
    assert.deepEqual(toolchain.launchers, [
      "pulumi",
      "pulumi-language-nodejs",
      "resource-github-v6.15.0",
      "resource-random-v4.21.2",
      "resource-time-v0.1.1",
      "resource-vault-v7.8.0",
    ]);
    assert.equal(toolchain.pulumiHome, join(toolchain.binDir, "home"));
    assert.equal(toolchain.pulumi, join(toolchain.binDir, "pulumi"));
    assert.equal(execFileSync(toolchain.pulumi).toString(), "made pulumi\n");
    assert.match(
      summary(toolchain.parts),
      /^official: none.*; built from source: pulumi 3\.259\.0, vault 1\.19\.5; stand-ins: nodejs host, random, time, vault, github; Debian: postgresql 15\.18, redis 7\.0\.15/,
    );
  });

  it("writes launchers that run, from a folder whose name needs quoting", async () => {
    for (const name of ["nodejs", "random"]) {
      mkdirSync(at("it's a repo/sandbox/plugins", name), { recursive: true });
      writeFileSync(
        at("it's a repo/sandbox/plugins", name, "main.ts"),
        `const args: string[] = process.argv.slice(2);\nconsole.log("${name}", ...args);\n`,
      );
    }
    const { binDir } = await ensure([at("nothing")]);
    const run = (name: string) => execFileSync(join(binDir, name), ["127.0.0.1:1", "a b"]).toString();
    assert.equal(run("home/plugins/resource-random-v4.21.2/pulumi-resource-random"), "random 127.0.0.1:1 a b\n");
    assert.equal(run("pulumi-language-nodejs"), "nodejs 127.0.0.1:1 a b\n");
  });

  it("starts an official plugin of another version under the version that the engine looks for", async () => {
    officialCli();
    plugin("random", "4.16.0");
    plugin("random", "4.9.9");
    plugin("random", "3.9.9");
    const toolchain = await ensure();
    assert.equal(toolchain.origin["random"], "official");
    const launcher = join(toolchain.pulumiHome, "plugins/resource-random-v4.21.2/pulumi-resource-random");
    assert.equal(execFileSync(launcher).toString(), "random 4.16.0\n");
  });

  it("stands in for a plugin of another major version, and for one that is not all there", async () => {
    officialCli();
    plugin("random", "3.9.9");
    mkdirSync(at("home/plugins/resource-time-v0.1.1"), { recursive: true });
    const toolchain = await ensure();
    assert.equal(toolchain.origin["random"], "stand-in");
    assert.equal(toolchain.origin["time"], "stand-in");
    assert.equal(toolchain.origin["nodejs host"], "official");
    assert.ok(!toolchain.launchers.includes("pulumi-language-nodejs"));
  });

  it("does not take its own folder on PATH for an official installation", async () => {
    const first = await ensure([at("nothing")]);
    const second = await ensure([first.binDir]);
    assert.deepEqual(second.origin, first.origin);
    assert.equal(second.binDir, first.binDir);
  });

  it("does not take a program that is called pulumi but is another for the CLI", async () => {
    program(at("other/pulumi"), "echo pulumi the band");
    assert.equal((await ensure([at("other")])).origin["pulumi"], "built from source");
  });

  it("brings the stand-in of Kubernetes as soon as there is one", async () => {
    assert.equal((await ensure()).origin["kubernetes"], undefined);
    mkdirSync(at("it's a repo/sandbox/plugins/kubernetes"), { recursive: true });
    writeFileSync(at("it's a repo/sandbox/plugins/kubernetes/main.ts"), "");
    const toolchain = await ensure();
    assert.equal(toolchain.origin["kubernetes"], "stand-in");
    assert.ok(toolchain.launchers.some((name) => name.startsWith("resource-kubernetes-v")));
  });

  it("lets the CLI fetch plugins where the network is open, and counts them as official", async () => {
    officialCli();
    const log = at("log");
    program(
      at("official/pulumi"),
      `[ "$1" = version ] && { echo v3.271.1; exit; }
       echo "$@" >> ${log}
       [ "$4" = random ] || exit 255
       mkdir -p "$PULUMI_HOME/plugins/resource-$4-$5"
       cp /bin/true "$PULUMI_HOME/plugins/resource-$4-$5/pulumi-resource-$4"`,
    );
    let open = true;
    const toolchain = await ensureToolchain({
      progress: silent,
      repo: at("it's a repo"),
      cache: at("cache"),
      path: at("official"),
      pulumiHome: at("home"),
      network: { isOpen: () => Promise.resolve(open), close: () => (open = false) },
      makers: {
        vault: () => Promise.resolve({ path: "/vault", version: "1.19.5" }),
        servers: () =>
          Promise.resolve({ postgresBin: "/pg", postgresVersion: "15.18", redisServer: "/redis", redisVersion: "7" }),
      },
    });
    const origin = new Map(toolchain.parts.map((part) => [part.name, part.origin]));
    assert.equal(origin.get("random"), "official");
    assert.equal(origin.get("time"), "stand-in");
    assert.equal(readFileSync(log, "utf8").trim().split("\n").length, 2, "after one failure no other is tried");
  });

  it("says which Go it needs when the CLI has to be built and there is none", async () => {
    const { buildPulumi } = await import("../../../sandbox/toolchain/builds.ts");
    await assert.rejects(
      ensure([at("nothing")], { pulumi: buildPulumi }),
      /Go is not on PATH.*pulumi 3\.259\.0.*1\.25/,
    );
  });

  it("pins the same versions for Go as it says", () => {
    const pinned = (file: string) => readFileSync(join(repository, "sandbox", file), "utf8");
    assert.ok(pinned("vault/go.mod").includes(`github.com/hashicorp/vault v${vaultVersion}\n`));
    assert.ok(pinned("toolchain/pulumi/go.mod").includes(`github.com/pulumi/pulumi/pkg/v3 v${pulumiVersion} `));
  });

  it("reads versions and servers as the engine's language host does", async () => {
    const providers = await providerPackages(at("it's a repo"));
    const time = providers.find(({ name }) => name === "time");
    assert.equal(time?.version, "0.1.1");
    assert.equal(time?.server, "github://example.org/time");
    const official = await detectOfficial(providers, { path: at("nothing"), home: at("home") });
    assert.deepEqual(official, { pulumi: undefined, languageHost: undefined, plugins: [], home: at("home") });
  });
});
