// The policies in vault/policies/, on the real Vault: what each role is for works, and everything else is refused.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { unrestorable } from "../../provider/backup.ts";
import { Vault } from "../../provider/vendors/vault.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { examine } from "../../provider/audit/chain.ts";
import { vaultSigner } from "../../provider/audit/signer.ts";
import { vaultStore } from "../../provider/audit/vault-store.ts";
import { makeTransitKey } from "../support/transit.ts";
import { made, newTrail } from "../unit/audit/support.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const folder = join(import.meta.dirname, "..", "..", "vault", "policies");
const roles = ["rotation-stack", "rotation-preview", "rewrap-only", "consumer-read"] as const;
type Role = (typeof roles)[number];

describe("access to Vault", function () {
  this.timeout(60_000);
  let sandbox: Sandbox;
  let dir = "";
  let ciphertext = "";
  const tokens = new Map<Role, string>();
  const call = <T>(method: string, path: string, body?: object): Promise<T> =>
    sandbox.vault.call<T>(method, path, body);

  before(async function () {
    this.timeout(buildTimeoutMs);
    dir = newDir();
    sandbox = await Sandbox.start({ dir, toolchain: await toolchain() });
    await makeTransitKey(call, "intelliflow-data");
    const plaintext = Buffer.from("hello").toString("base64");
    const made = await call<{ data: { ciphertext: string } }>("POST", "transit/encrypt/intelliflow-data", {
      plaintext,
    });
    ciphertext = made.data.ciphertext;
    await call("POST", "secret/data/other/app", { data: { value: "not theirs" } });
    await call("POST", "secret/data/intelliflow/jwt", { data: { kid: "k" } });
    for (const role of roles) {
      await call("PUT", `sys/policies/acl/${role}`, { policy: readFileSync(join(folder, `${role}.hcl`), "utf8") });
      await call("POST", `auth/approle/role/${role}`, {
        token_policies: [role],
        token_ttl: "1h",
        secret_id_num_uses: 1,
      });
      const { data: id } = await call<{ data: { role_id: string } }>("GET", `auth/approle/role/${role}/role-id`);
      const { data: once } = await call<{ data: { secret_id: string } }>(
        "POST",
        `auth/approle/role/${role}/secret-id`,
        {},
      );
      const login = { role_id: id.role_id, secret_id: once.secret_id };
      const { auth } = await call<{ auth: { client_token: string } }>("POST", "auth/approle/login", login);
      tokens.set(role, auth.client_token);
    }
  });
  after(async () => {
    await sandbox.stop();
    await discard(dir);
  });

  async function status(role: Role, method: string, path: string, body?: object): Promise<number> {
    const patch = method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {};
    const response = await fetch(`${sandbox.vault.address}/v1/${path}`, {
      method,
      headers: { "x-vault-token": tokens.get(role) ?? "", ...patch },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    await response.body?.cancel();
    return response.status;
  }

  const plaintext = Buffer.from("x").toString("base64");
  const trail = "secret/data/rotation-audit/secret-rotation/other";
  const calls = (): Record<Role, { allowed: [string, string, object?][]; refused: [string, string, object?][] }> => ({
    "rotation-stack": {
      allowed: [
        ["GET", "auth/token/lookup-self"],
        ["GET", "sys/internal/ui/mounts/secret"],
        ["POST", "auth/token/create", { ttl: "20m" }],
        ["POST", "secret/data/visapi/JWT_SECRET", { data: { value: "v" } }],
        ["PATCH", "secret/data/visapi/JWT_SECRET", { data: { other: "v" } }],
        ["GET", "secret/data/visapi/JWT_SECRET"],
        ["POST", "secret/metadata/visapi/JWT_SECRET", { custom_metadata: { generation: "1" } }],
        ["GET", "secret/metadata/intelliflow/jwt"],
        ["GET", "secret/config"],
        ["GET", "transit/keys/intelliflow-data"],
        ["POST", "transit/keys/intelliflow-data/rotate"],
        ["POST", "transit/rewrap/intelliflow-data", { batch_input: [{ ciphertext }] }],
        ["POST", "transit/keys/intelliflow-data/config", { min_decryption_version: 1 }],
        ["POST", "transit/sign/rotation-audit", { input: plaintext }],
        ["POST", `${trail}/log/000000000900`, { data: { records: [] } }],
        ["POST", `${trail}/head`, { data: { count: 0 } }],
        ["POST", `${trail}/head`, { data: { count: 0 } }],
      ],
      refused: [
        ["POST", `${trail}/log/000000000900`, { data: { records: ["another"] } }],
        ["DELETE", `${trail}/log/000000000900`],
        ["DELETE", `${trail}/head`],
        ["POST", "transit/keys/rotation-audit/config", { deletion_allowed: true }],
        ["GET", "secret/data/other/app"],
        ["POST", "secret/data/other/app", { data: { value: "v" } }],
        ["DELETE", "secret/data/visapi/JWT_SECRET"],
        ["DELETE", "secret/metadata/visapi/JWT_SECRET"],
        ["POST", "secret/destroy/visapi/JWT_SECRET", { versions: [1] }],
        ["POST", "secret/config", { max_versions: 1 }],
        ["POST", "transit/decrypt/intelliflow-data", { ciphertext }],
        ["POST", "transit/encrypt/intelliflow-data", { plaintext }],
        ["GET", "transit/export/encryption-key/intelliflow-data"],
        ["POST", "transit/keys/intelliflow-data/config", { deletion_allowed: true }],
        ["DELETE", "transit/keys/intelliflow-data"],
        ["POST", "transit/keys/another", {}],
        ["GET", "sys/policies/acl/rotation-stack"],
        ["PUT", "sys/policies/acl/rotation-stack", { policy: "" }],
        ["POST", "sys/mounts/more", { type: "kv" }],
        ["PUT", "sys/seal"],
        ["GET", "auth/approle/role/rotation-stack/role-id"],
      ],
    },
    // It reads what the stack's role has written before.
    "rotation-preview": {
      allowed: [
        ["GET", "auth/token/lookup-self"],
        ["GET", "sys/internal/ui/mounts/secret"],
        ["POST", "auth/token/create", { ttl: "20m" }],
        ["GET", "secret/data/visapi/JWT_SECRET"],
        ["GET", "secret/metadata/visapi/JWT_SECRET"],
        ["GET", "secret/data/intelliflow/jwt"],
        ["GET", "secret/config"],
        ["GET", "transit/keys/intelliflow-data"],
        ["GET", "transit/keys/rotation-audit"],
        ["GET", `${trail}/log/000000000900`],
        ["GET", `${trail}/head`],
      ],
      refused: [
        ["POST", "secret/data/visapi/JWT_SECRET", { data: { value: "v" } }],
        ["PATCH", "secret/data/visapi/JWT_SECRET", { data: { other: "v" } }],
        ["POST", "secret/data/visapi/ANOTHER", { data: { value: "v" } }],
        ["POST", "secret/metadata/visapi/JWT_SECRET", { custom_metadata: { generation: "2" } }],
        ["DELETE", "secret/data/visapi/JWT_SECRET"],
        ["POST", "secret/undelete/visapi/JWT_SECRET", { versions: [1] }],
        ["POST", `${trail}/log/000000000901`, { data: { records: [] } }],
        ["POST", `${trail}/head`, { data: { count: 0 } }],
        ["POST", "transit/sign/rotation-audit", { input: plaintext }],
        ["POST", "transit/keys/intelliflow-data/rotate"],
        ["POST", "transit/rewrap/intelliflow-data", { batch_input: [{ ciphertext }] }],
        ["POST", "transit/decrypt/intelliflow-data", { ciphertext }],
        ["GET", "secret/data/other/app"],
        ["GET", "secret/data/ci/production"],
        ["PUT", "sys/policies/acl/rotation-preview", { policy: "" }],
      ],
    },
    "rewrap-only": {
      allowed: [
        ["POST", "transit/rewrap/intelliflow-data", { ciphertext }],
        ["GET", "transit/keys/intelliflow-data"],
      ],
      refused: [
        ["POST", "transit/decrypt/intelliflow-data", { ciphertext }],
        ["POST", "transit/encrypt/intelliflow-data", { plaintext }],
        ["POST", "transit/keys/intelliflow-data/rotate"],
        ["POST", "transit/keys/intelliflow-data/config", { min_decryption_version: 1 }],
        ["GET", "secret/data/intelliflow/jwt"],
      ],
    },
    "consumer-read": {
      allowed: [
        ["GET", "secret/data/intelliflow/jwt"],
        ["POST", "transit/encrypt/intelliflow-data", { plaintext }],
        ["POST", "transit/decrypt/intelliflow-data", { ciphertext }],
      ],
      refused: [
        ["POST", "secret/data/intelliflow/jwt", { data: {} }],
        ["DELETE", "secret/data/intelliflow/jwt"],
        ["GET", "secret/metadata/intelliflow/jwt"],
        ["GET", "secret/data/visapi/JWT_SECRET"],
        ["POST", "transit/rewrap/intelliflow-data", { ciphertext }],
        ["POST", "transit/keys/intelliflow-data/rotate"],
      ],
    },
  });
  for (const role of roles)
    it(`lets ${role} do what it is for, and refuses everything else`, async () => {
      const { allowed, refused } = calls()[role];
      for (const [method, path, body] of allowed) {
        const answered = await status(role, method, path, body);
        assert.ok(answered < 300, `${method} ${path} should be allowed, and was answered ${answered}`);
      }
      for (const [method, path, body] of refused)
        assert.equal(await status(role, method, path, body), 403, `${method} ${path} should be refused`);
    });

  it("lets runs at once write one audit trail, which nothing of them can change afterwards", async () => {
    const vault = new Vault(sandbox.vault.address, tokens.get("rotation-stack") ?? "", 5);
    const path = "rotation-audit/secret-rotation/sandbox";
    const open = () => vaultStore(vault, "secret", path);
    const signer = vaultSigner(vault, "transit", "rotation-audit");
    const writers = Array.from({ length: 4 }, (_, at) => newTrail(open(), signer, `run-of-${at}`));
    await Promise.all(writers.map((writer) => writer.ready()));
    await Promise.all(
      writers.flatMap((writer, at) =>
        Array.from({ length: 5 }, (_, index) => writer.record([made(`visapi/S${at}`, index + 1)])),
      ),
    );
    const look = async (): Promise<string[]> => {
      const head = await open().keptHead();
      const anchors = head ? [{ ...head, where: "the head" }] : [];
      return examine(await open().read(), anchors, await signer.keys()).map(({ what }) => what);
    };
    assert.equal((await open().read()).length, 20);
    assert.deepEqual(await look(), []);
    // An administrator can take a record away; it is missed.
    await call("DELETE", `secret/metadata/${path}/log/000000000001`);
    assert.match((await look()).join(), /^records? 1 .*missing/);
  });

  it("tells whether the current version could be restored", async () => {
    const vault = new Vault(sandbox.vault.address, tokens.get("rotation-stack") ?? "", 5);
    const entry = { mount: "secret", path: "visapi/BACKUP" };
    assert.equal(await unrestorable(vault, entry), undefined, "nothing there yet");
    await call("POST", "secret/data/visapi/BACKUP", { data: { value: "1" } });
    assert.equal(await unrestorable(vault, entry), undefined);
    await call("POST", "secret/metadata/visapi/BACKUP", { max_versions: 1 });
    assert.match((await unrestorable(vault, entry)) ?? "", /keeps one version only.*-max-versions=10 visapi\/BACKUP/);
    await call("POST", "secret/metadata/visapi/BACKUP", { max_versions: 5 });
    await call("DELETE", "secret/data/visapi/BACKUP");
    assert.match((await unrestorable(vault, entry)) ?? "", /version 1 .* is deleted; bring it back with/);
    await call("POST", "secret/destroy/visapi/BACKUP", { versions: [1] });
    assert.match((await unrestorable(vault, entry)) ?? "", /version 1 .* is destroyed/);
  });
});
