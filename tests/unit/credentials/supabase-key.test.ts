import assert from "node:assert/strict";
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { keyName, supabaseKey } from "../../../provider/credentials/supabase-key.ts";
import { accepted } from "../../../provider/vendors/supabase.ts";
import { SupabaseSimulator } from "../../../sandbox/simulators/supabase.ts";
import { issueOf, rotate, settingsOf } from "./vendors.ts";

const ref = "abcdefghijklmnopqrst";
const name = (generation: number): string => `secret_rotation_test_visapi_key_g${generation}`;

describe("credentials: Supabase keys", () => {
  let sim: SupabaseSimulator;
  let kind: CredentialKind;
  const args = (type = "secret") => ({ projectRef: ref, type, projectUrl: sim.projectUrl(ref) });
  const works = (key: string, type: "secret" | "publishable" = "secret") => accepted(sim.projectUrl(ref), type, key);

  beforeEach(async () => {
    const projects = [{ ref, anonKey: "eyJ.anon.x", serviceRoleKey: "eyJ.service.x" }];
    sim = await new SupabaseSimulator({ accessToken: "sbp_1", projects }).start();
    kind = supabaseKey(settingsOf({ supabaseUrl: sim.url, supabaseAccessToken: "sbp_1" }));
  });
  afterEach(() => sim.stop());

  for (const type of ["secret", "publishable"] as const)
    it(`rotates a ${type} key: two live at once, the old one dead when it is revoked`, async () => {
      const first = await rotate(kind, args(type));
      const second = await rotate(kind, args(type), 2);
      assert.match(first.value, new RegExp(`^sb_${type}_`));
      assert.deepEqual([await works(first.value, type), await works(second.value, type)], [true, true]);
      assert.equal(await kind.users(args(), first.reference), undefined, "Supabase does not tell");

      await kind.revoke(args(type), first.reference);
      await kind.revoke(args(type), first.reference);
      assert.deepEqual([await works(first.value, type), await works(second.value, type)], [false, true]);
      assert.equal(await kind.valid(args(type), first.reference), false);
      assert.equal(await kind.valid(args(type), second.reference), true);
      assert.deepEqual(sim.liveKeys(ref), [name(2)]);
    });

  it("adopts the key that a killed run made, since its value can be read again", async () => {
    const first = await kind.issue(issueOf(args()));
    const again = await kind.issue(issueOf(args()));
    assert.deepEqual(again, first);
    assert.deepEqual(sim.liveKeys(ref), [name(1)]);
  });

  it("replaces a leftover of another type", async () => {
    const publishable = await kind.issue(issueOf(args("publishable")));
    const secret = await rotate(kind, args());
    assert.notEqual(secret.reference, publishable.reference);
    assert.deepEqual(sim.liveKeys(ref), [name(1)]);
  });

  for (const fault of ["lost-reply", "half-body", "drop-before"] as const)
    it(`makes one key when creation suffers ${fault}`, async () => {
      sim.faults.add({ kind: fault, match: { method: "POST" } });
      const issued = await rotate(kind, args());
      assert.ok(await works(issued.value));
      assert.deepEqual(sim.liveKeys(ref), [name(1)]);
    });

  it("waits when Supabase says so, and says what is wrong when it refuses", async () => {
    sim.faults.add({ kind: "rate-limited", resetSeconds: 1, match: { method: "POST" } });
    await rotate(kind, args());
    sim.faults.add({ kind: "status", status: 403, match: { method: "POST" } });
    await assert.rejects(kind.issue(issueOf(args(), 2)), /403 .*SUPABASE_ACCESS_TOKEN may not do this/);
    assert.deepEqual(sim.liveKeys(ref), [name(1)]);
  });

  it("proves only a key that the project accepts", async () => {
    const { value, reference } = await kind.issue(issueOf(args("publishable")));
    await assert.rejects(kind.prove(args(), { value, reference }), (error: Error) => {
      assert.match(error.message, /no right to its data/);
      assert.ok(!error.message.includes(value));
      return true;
    });
  });

  it("checks its settings before anything happens", () => {
    const problems = (given: object) => kind.validate({ ...args(), ...given }).map(({ property }) => property);
    assert.deepEqual(problems({}), []);
    assert.deepEqual(problems({ projectRef: "short" }), ["projectRef"]);
    assert.deepEqual(problems({ type: "service_role" }), ["type"]);
  });

  it("fits every name into what Supabase takes, and keeps them apart", () => {
    const long = `secret-rotation-production-intelliflow-${"x".repeat(60)}`;
    const names = [`${long}a-g1`, `${long}b-g1`, `${long}a-g10`, "7-g1"].map(keyName);
    for (const each of names) assert.match(each, /^[a-z_][a-z0-9_]{3,63}$/);
    assert.equal(new Set(names).size, names.length);
    assert.equal(names[2], `${names[0]}0`);
  });
});

describe("credentials: from Supabase's legacy keys", () => {
  it("leaves them working beside the new ones, until a person switches them off", async () => {
    const projects = [{ ref, anonKey: "eyJ.anon.x", serviceRoleKey: "eyJ.service.x" }];
    const sim = await new SupabaseSimulator({ accessToken: "sbp_1", projects }).start();
    try {
      const settings = settingsOf({ supabaseUrl: sim.url, supabaseAccessToken: "sbp_1" });
      const args = { projectRef: ref, type: "secret", projectUrl: sim.projectUrl(ref) };
      const issued = await rotate(supabaseKey(settings), args);
      const works = (key: string) => accepted(sim.projectUrl(ref), "secret", key);
      assert.deepEqual([await works("eyJ.service.x"), await works(issued.value)], [true, true]);
      assert.equal(await settings.supabase().legacyEnabled(ref), true);
      await settings.supabase().setLegacy(ref, false);
      assert.deepEqual([await works("eyJ.service.x"), await works(issued.value)], [false, true]);
      await settings.supabase().setLegacy(ref, true);
      assert.equal(await works("eyJ.service.x"), true, "and back on, should something still have needed them");
    } finally {
      await sim.stop();
    }
  });
});
