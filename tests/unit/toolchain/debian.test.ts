import assert from "node:assert/strict";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { ensureServers, findServers } from "../../../sandbox/toolchain/debian.ts";
import { program, recorder, scratch } from "./scratch.ts";

describe("the distribution's servers", () => {
  const folder = scratch();
  const home = () => join(folder.path, "postgresql");
  const bin = () => join(folder.path, "bin");
  const search = () => {
    const policy = join(folder.path, "policy-rc.d");
    return { path: bin(), postgresHome: home(), cache: join(folder.path, "cache"), policy };
  };
  const postgres = (version: string) => {
    for (const name of ["initdb", "pg_ctl", "postgres"]) {
      program(join(home(), version, "bin", name), `echo "${name} (PostgreSQL) ${version}.8 (Debian ${version}.8-0)"`);
    }
  };
  const redis = "echo 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=0'";

  it("finds the newest PostgreSQL of Debian and Redis on PATH, with their versions", async () => {
    postgres("9");
    postgres("15");
    const redisServer = program(join(bin(), "redis-server"), redis);
    assert.deepEqual(await ensureServers(recorder().step("servers"), search()), {
      postgresBin: join(home(), "15/bin"),
      postgresVersion: "15.8",
      redisServer,
      redisVersion: "7.0.15",
    });
  });

  it("follows a lone link to postgres to where the other programs are", () => {
    postgres("14");
    postgres("15");
    program(join(bin(), "redis-server"), redis);
    symlinkSync(join(home(), "14/bin/postgres"), join(bin(), "postgres"));
    assert.equal(findServers(search()).postgresBin, join(home(), "14/bin"));
  });

  it("does not take a PostgreSQL without its server", () => {
    program(join(home(), "15/bin/psql"), "");
    assert.equal(findServers(search()).postgresBin, undefined);
  });

  it("says what to do where there is no apt-get", async () => {
    await assert.rejects(
      ensureServers(recorder().step("servers"), search()),
      /^Error: postgresql and redis-server not found on PATH.*brew install postgresql redis/,
    );
  });

  it("installs what is missing, and only that, with services forbidden meanwhile", async function () {
    if (process.getuid?.() !== 0) return this.skip();
    postgres("15");
    const log = join(folder.path, "log");
    const redisServer = join(bin(), "redis-server");
    program(
      join(bin(), "apt-get"),
      `echo "$@" >> ${log}
       [ "$1" = install ] || exit 0
       ${folder.path}/policy-rc.d redis-server start; echo "policy $?" >> ${log}
       echo "Setting up redis-server (5:7.0.15-1) ..."
       printf '#!/bin/sh\\n%s\\n' "${redis}" > ${redisServer}; chmod +x ${redisServer}`,
    );
    const progress = recorder();
    const servers = await ensureServers(progress.step("servers"), search());
    assert.equal(servers.redisServer, redisServer);
    const said = readFileSync(log, "utf8").trim().split("\n");
    assert.match(said[0] ?? "", /^update /);
    assert.match(said[1] ?? "", /^install .*-y --no-install-recommends .* redis-server$/);
    assert.doesNotMatch(said[1] ?? "", /postgresql/);
    assert.equal(said[2], "policy 101");
    assert.ok(progress.lines.some((line) => line.includes("Setting up redis-server")));
    assert.equal(existsSync(join(folder.path, "policy-rc.d")), false, "the policy is gone afterwards");
  });

  it("shows what apt-get says when it fails, and the command to run by hand", async function () {
    if (process.getuid?.() !== 0) return this.skip();
    program(join(bin(), "apt-get"), 'echo "E: Unable to locate package" >&2; exit 100');
    await assert.rejects(ensureServers(recorder().step("servers"), search()), (error: Error) => {
      assert.match(error.message, /E: Unable to locate package/);
      assert.match(error.message, /By hand: apt-get install -y --no-install-recommends postgresql redis-server$/);
      return true;
    });
  });
});
