import assert from "node:assert/strict";
import { noTrouble, noticesSent, oldValuesDead, type Around } from "../../../cli/checklist/checks.ts";
import { rows as checklistRows, windows } from "../../../cli/checklist/rows.ts";
import { findDrift, noted, restoreInVault, withDrift } from "../../../cli/drift.ts";
import { differences } from "../../../cli/environments.ts";
import type { Engine, State, StateResource } from "../../../cli/engine.ts";
import type { Row } from "../../../cli/inventory.ts";
import type { AuditRecord } from "../../../provider/audit/record.ts";
import type { KvMetadata, Vault } from "../../../provider/vendors/vault.ts";

const urn = (name: string): string => `urn:pulumi:sandbox::secret-rotation::x::${name}`;
const entry: StateResource = {
  urn: urn("visapi/JWT_SECRET/vault"),
  type: "vault:kv/secretV2:SecretV2",
  inputs: { mount: "secret", name: "visapi/JWT_SECRET" },
  outputs: { metadata: { version: "3" } },
};
const variable: StateResource = {
  urn: urn("visapi/JWT_SECRET/render-api"),
  type: "rotation:render:EnvVar",
  inputs: { serviceId: "srv-1", key: "JWT_SECRET" },
};
const clock: StateResource = { urn: urn("visapi/JWT_SECRET/clock"), type: "time:index/rotating:Rotating" };
const state: State = { resources: [entry, variable, clock], pending: [] };

/** An engine that answers a refresh. */
function engine(steps: { op: string; urn: string }[] | string, code = 0): Engine {
  const stdout = typeof steps === "string" ? "" : JSON.stringify({ steps });
  return { run: async () => ({ code, stdout, stderr: typeof steps === "string" ? steps : "" }) } as unknown as Engine;
}

describe("drift", () => {
  it("is what a destination holds otherwise, and no clock that has run out", async () => {
    const found = await findDrift(
      engine([
        { op: "update", urn: entry.urn },
        { op: "delete", urn: variable.urn },
        { op: "delete", urn: clock.urn },
      ]),
      state,
      [],
    );
    assert.deepEqual(
      found.map(({ secret, place, what }) => `${secret} ${place} ${what}`),
      ["visapi/JWT_SECRET vault:secret was changed by somebody else", "visapi/JWT_SECRET render:api is gone"],
    );
    const all = noted(found, "2027-03-01T00:00:00Z");
    assert.equal(all.get("visapi/JWT_SECRET")?.what, "vault:secret was changed by somebody else; render:api is gone");
    await assert.rejects(findDrift(engine("Vault is sealed", 255), state, []), /could not be asked: Vault is sealed/);
  });

  it("is another version in Vault, or one that was deleted, which a refresh does not tell", async () => {
    const look = async (currentVersion: number, newest: "readable" | "deleted"): Promise<string[]> => {
      const versions = [{ version: currentVersion, state: newest }];
      const vault = { metadata: async (): Promise<KvMetadata> => ({ currentVersion, maxVersions: 0, versions }) };
      return (await findDrift(engine([]), state, [], vault)).map(({ place, what }) => `${place} ${what}`);
    };
    assert.deepEqual(await look(3, "readable"), []);
    assert.deepEqual(await look(4, "readable"), ["vault:secret was changed by somebody else"]);
    assert.deepEqual(await look(3, "deleted"), ["vault:secret is gone"]);
  });

  it("shows in the inventory, unless something worse does", () => {
    const rows = [
      { name: "a/X", secret: "X", state: "ok", why: "" },
      { name: "a/Y", secret: "Y", state: "overdue", why: "late" },
      { name: "a/Z", secret: "Z", state: "ok", why: "" },
    ] as Row[];
    const entries = Object.fromEntries(["a/X", "a/Y"].map((name) => [name, { what: "render:api is gone", at: "t" }]));
    const shown = withDrift(rows, entries);
    assert.deepEqual(
      shown.map(({ state }) => state),
      ["drifted", "overdue", "ok"],
    );
    assert.match(shown[0]?.why ?? "", /render:api is gone, seen at t; put it back: rotate drift X --push/);
    assert.match(shown[1]?.why ?? "", /render:api is gone, seen at t/, "what is worse does not hide it");
    assert.equal(shown[2]?.why, "");
  });

  it("puts Vault's own version back: over another one, after a deletion, and never one that was destroyed", async () => {
    const vault = (currentVersion: number, third: "readable" | "deleted" | "destroyed" | undefined, fast = true) => {
      const calls: string[] = [];
      const versions = third ? [{ version: 3, state: third }] : [];
      const fake = {
        metadata: async (): Promise<KvMetadata> => ({ currentVersion, maxVersions: 0, versions }),
        undelete: async (_mount: string, _path: string, which: number[]) => void calls.push(`undelete ${which.join()}`),
        read: async (_mount: string, _path: string, version = 0) => ({ data: { value: `v${version}` }, version }),
        write: async (_mount: string, _path: string, data: Record<string, unknown>, cas: number) => {
          calls.push(`write ${String(data["value"])} over ${cas}`);
          return fast;
        },
      };
      return { calls, vault: fake as unknown as Vault };
    };
    const cases: [ReturnType<typeof vault>, string[]][] = [
      [vault(5, "readable"), ["write v3 over 5"]],
      [vault(3, "deleted"), ["undelete 3"]],
      [vault(4, "deleted"), ["undelete 3", "write v3 over 4"]],
      [vault(0, undefined), []],
    ];
    for (const [{ vault: asked, calls }, expected] of cases) {
      await restoreInVault(asked, entry);
      assert.deepEqual(calls, expected);
    }
    for (const lost of [vault(5, "destroyed"), vault(20, undefined)])
      await assert.rejects(
        restoreInVault(lost.vault, entry),
        /no longer has version 3.*rotate emergency --secret JWT_SECRET/,
      );
    await assert.rejects(
      restoreInVault(vault(5, "readable", false).vault, entry),
      /written by somebody else in this moment/,
    );
  });

  it("lists by name what one environment has and the other has not", () => {
    assert.deepEqual(differences("render:api", ["production", ["A", "B"]], ["staging", ["B", "C", "C"]]), [
      { place: "render:api", has: "production", lacks: "staging", names: ["A"] },
      { place: "render:api", has: "staging", lacks: "production", names: ["C"] },
    ]);
    assert.deepEqual(differences("render:api", ["production", ["A"]], ["staging", ["A"]]), []);
  });
});

describe("the post-rotation checklist", () => {
  const now = new Date("2027-03-02T00:00:00Z");
  const record = (seq: number, hour: number, event: AuditRecord["event"], detail = ""): AuditRecord =>
    ({ seq, at: `2027-03-01T${hour}:00:00.000Z`, event, secret: "a/X", resource: "", detail }) as AuditRecord;
  const around = (records: AuditRecord[], rows: Partial<Row>[] = []): Around =>
    ({ records, rows, trail: { verdict: "good", said: "" }, call: { io: { now } } }) as unknown as Around;

  it("has every row of the runbook, each with its check or with the reason why a person answers it", () => {
    const runbook = checklistRows.filter(({ row }) => !row.startsWith("+ "));
    const count = (window: string): number => runbook.filter((row) => row.window === window).length;
    assert.deepEqual(windows.map(count), [5, 6, 5, 5]);
    for (const { row, by, check } of checklistRows)
      assert.ok(check !== undefined || /person|rotate (audit|metrics)/.test(by), row);
  });
  it("finds a failure that nothing has got over, and no other", () => {
    const failed = record(1, 20, "failed", "Vault answered 403");
    assert.equal(noTrouble(around([failed]), 24, now).verdict, "bad");
    assert.equal(noTrouble(around([failed]), 1, now).verdict, "good", "outside of its window");
    assert.equal(noTrouble(around([failed]), 24, now, /\b401\b/).verdict, "good", "of another kind");
    assert.equal(noTrouble(around([failed, record(2, 21, "completed")]), 24, now).verdict, "good", "mended");
  });
  it("finds a notice that could not be sent, and an old value that outlived its grace", async () => {
    assert.equal(noticesSent(around([record(1, 20, "noticed")]), 24, now).verdict, "good");
    assert.equal(
      noticesSent(around([record(1, 20, "verified", "The notice could not be sent: 500")]), 24, now).verdict,
      "bad",
    );
    const until = (previousUntil: string): Partial<Row>[] => [{ name: "a/X", previousUntil, why: "" }];
    assert.equal((await oldValuesDead(around([], until("2027-03-01T00:00:00Z")))).verdict, "bad");
    assert.equal((await oldValuesDead(around([], until("2027-03-03T00:00:00Z")))).verdict, "good");
    const held = [{ name: "a/X", previousUntil: "", why: "its previous credential is not revoked: 2 sessions" }];
    assert.equal((await oldValuesDead(around([], held))).verdict, "bad");
  });
});
