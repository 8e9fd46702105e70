import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority } from "../../../sandbox/servers/certificates.ts";
import { ensureKubernetes, type KubernetesMakers } from "../../../sandbox/toolchain/kubernetes.ts";
import { silent } from "../../../sandbox/toolchain/progress.ts";

describe("a cluster for the sandbox", () => {
  let dir = "";
  const made: string[] = [];
  const built = (path: string) => {
    made.push(path);
    return Promise.resolve({ path, version: "1.2.3" });
  };
  const makers: KubernetesMakers = {
    etcd: () => built("etcd"),
    kubernetes: (part) => built(part),
    kwok: () => built("kwok"),
  };
  const ensure = (env: NodeJS.ProcessEnv = {}) =>
    ensureKubernetes({ progress: silent, path: dir, env: { HOME: dir, ...env }, makers });
  const script = (name: string, text: string): void => {
    writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(dir, name), 0o755);
  };

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "cluster-"));
    made.length = 0;
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("is built where there is none, and says from what", async () => {
    const found = await ensure();
    assert.ok("programs" in found);
    assert.equal(found.programs.scheduler, "kube-scheduler");
    assert.deepEqual(
      found.parts.map(({ name, origin }) => `${name}: ${origin}`),
      ["kubernetes: built from source", "kwok: built from source", "etcd: debian"],
    );
  });

  it("is the one of the kubeconfig only when a person says so", async () => {
    const file = join(dir, "kubeconfig");
    writeFileSync(file, "{}");
    assert.ok("programs" in (await ensure({ KUBECONFIG: file })));
    made.length = 0;
    const chosen = await ensure({ KUBECONFIG: file, SECRET_ROTATION_KUBECONFIG: "1" });
    assert.deepEqual(chosen, { existing: { kubeconfig: file } });
    assert.deepEqual(made, []);
    await assert.rejects(
      ensure({ SECRET_ROTATION_KUBECONFIG: "1" }),
      /\.kube\/config, which is not there\. Set KUBECONFIG/,
    );
  });

  it("is made by kind where that works, and built where it does not", async () => {
    script("kind", `echo "$@" >> ${dir}/calls; [ "$1" = get ] && echo other; exit 0`);
    const found = await ensure();
    assert.ok("existing" in found);
    assert.equal(found.existing.context, "kind-secret-rotation");
    assert.match(readFileSync(join(dir, "calls"), "utf8"), /get clusters\ncreate cluster --name secret-rotation/);
    script("kind", 'echo "ERROR: no container runtime" >&2; exit 1');
    assert.ok("programs" in (await ensure()));
  });
});

describe("the sandbox's certificates", () => {
  it("are signed by its own authority, for loopback, and the same at the next start", () => {
    const dir = mkdtempSync(join(tmpdir(), "authority-"));
    try {
      const read = (file: string): X509Certificate => new X509Certificate(readFileSync(file));
      const authority = new Authority(dir, "ours");
      const server = read(
        authority.issue("server", { commonName: "api", server: true, names: ["api.local"] }).certificate,
      );
      const client = read(
        authority.issue("client", { commonName: "admin", organization: "system:masters" }).certificate,
      );
      const ca = read(authority.file);
      assert.ok(ca.ca && !server.ca);
      for (const each of [server, client]) assert.ok(each.checkIssued(ca) && each.verify(ca.publicKey));
      assert.equal(server.checkIP("127.0.0.1"), "127.0.0.1");
      assert.equal(server.checkHost("api.local"), "api.local");
      assert.equal(client.checkIP("127.0.0.1"), undefined);
      assert.deepEqual(client.subject.split("\n"), ["O=system:masters", "CN=admin"]);
      const again = new Authority(dir, "ours").issue("server", { commonName: "api", server: true });
      assert.equal(read(again.certificate).serialNumber, server.serialNumber);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
