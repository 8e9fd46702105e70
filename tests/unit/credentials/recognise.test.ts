// What a stack that lost its state finds of its own at the services: the credential in use, and the one before it.
import assert from "node:assert/strict";
import type { CredentialKind, Found } from "../../../provider/credentials/kind.ts";
import { postgresLogin } from "../../../provider/credentials/postgres-login.ts";
import { redisAclUser } from "../../../provider/credentials/redis-acl-user.ts";
import { resendKey } from "../../../provider/credentials/resend-key.ts";
import { supabaseKey } from "../../../provider/credentials/supabase-key.ts";
import { vercelToken } from "../../../provider/credentials/vercel-token.ts";
import { credential } from "../../../provider/resources/credential.ts";
import { text } from "../../../provider/resources/inputs.ts";
import { Secret, type Properties } from "../../../provider/wire/values.ts";
import { ResendSimulator } from "../../../sandbox/simulators/resend.ts";
import { SupabaseSimulator } from "../../../sandbox/simulators/supabase.ts";
import { VercelSimulator } from "../../../sandbox/simulators/vercel.ts";
import { family, rotate, settingsOf } from "./vendors.ts";

const found = (value: string, generation = 2): Found => ({
  family,
  name: `${family}-g${generation}`,
  before: `${family}-g${generation - 1}`,
  value,
});
const log = { info: () => undefined, warn: () => undefined };

/** Two generations at the service: the second is known by its value or name, with the first; others are nobody's. */
async function knownAgain(kind: CredentialKind, args: Properties, byValue: boolean): Promise<void> {
  const first = await rotate(kind, args);
  const second = await rotate(kind, args, 2);
  const known = { reference: second.reference, previous: first.reference };
  assert.deepEqual(await kind.recognise?.(args, found(second.value)), known);
  if (byValue) assert.equal(await kind.recognise?.(args, found(first.value)), undefined, "another value");
  assert.equal(await kind.recognise?.(args, found(second.value, 7)), undefined, "a generation that it never made");
  await kind.revoke(args, first.reference);
  assert.deepEqual(await kind.recognise?.(args, found(second.value)), { ...known, previous: undefined });
}

describe("credentials: recognised after a lost state", () => {
  it("at Supabase, by name and value", async () => {
    const ref = "abcdefghijklmnopqrst";
    const projects = [{ ref, anonKey: "eyJ.anon.x", serviceRoleKey: "eyJ.service.x" }];
    const sim = await new SupabaseSimulator({ accessToken: "sbp_1", projects }).start();
    try {
      const kind = supabaseKey(settingsOf({ supabaseUrl: sim.url, supabaseAccessToken: "sbp_1" }));
      await knownAgain(kind, { projectRef: ref, type: "secret", projectUrl: sim.projectUrl(ref) }, true);
    } finally {
      await sim.stop();
    }
  }).timeout(20_000);

  it("at Resend, by name", async () => {
    const sim = await new ResendSimulator({ adminKey: "re_admin", domains: [], limitScale: 100 }).start();
    try {
      await knownAgain(resendKey(settingsOf({ resendUrl: sim.url, resendAdminKey: "re_admin" })), {}, false);
    } finally {
      await sim.stop();
    }
  }).timeout(20_000);

  it("at Vercel, by name and value", async () => {
    const sim = await new VercelSimulator({ token: "initial-token", projects: [] }).start();
    try {
      const kind = vercelToken(settingsOf({ vercelUrl: sim.url, vercelToken: "initial-token" }));
      await knownAgain(kind, { intervalDays: 90, graceHours: 24, quietMinutes: 0 }, true);
    } finally {
      await sim.stop();
    }
  }).timeout(20_000);

  it("keeps slot and number of what it takes over, and the reference of the one before, so that it ends", async () => {
    const fake: CredentialKind = {
      ...postgresLogin(),
      validate: () => [],
      recognise: (_args, about) => {
        assert.deepEqual([about.name.endsWith("-visapi-db-g4"), about.before.endsWith("-visapi-db-g3")], [true, true]);
        return Promise.resolve({ reference: "visapi_b#4", previous: "visapi_a#3" });
      },
    };
    const resource = credential(settingsOf({}), new Map([["postgres-login", fake]]));
    const urn = "urn:pulumi:production::rotation::rotation:index:Credential::visapi/DB/credential";
    const given = {
      ...{ secret: "visapi/DB", kind: "postgres-login", args: { application: "visapi" }, window: "w", adoption: [] },
      adopted: new Secret("postgresql://visapi_b.ref:x@host:5432/db"),
      adoptedGeneration: 4,
    };
    const call = { urn, name: "visapi/DB/credential", log };
    const checked = await resource.check?.({ ...call, inputs: given, oldInputs: undefined });
    assert.ok(checked);
    assert.deepEqual([checked.inputs["generation"], checked.inputs["slot"]], [4, "b"]);
    const { outputs } = await resource.create({ ...call, inputs: checked.inputs, preview: false, timeout: 0 });
    assert.deepEqual([outputs["reference"], outputs["previousReference"]], ["visapi_b#4", "visapi_a#3"]);
    assert.equal(text(outputs, "current"), "postgresql://visapi_b.ref:x@host:5432/db");
  });

  it("knows the slot of a login by its name, and that of nobody else's", () => {
    const args = { application: "visapi" };
    for (const kind of [postgresLogin(), redisAclUser()]) {
      const slots = ["visapi_a", "visapi_b", "visapi_b.ref", "visapi", "visapi_c"].map((user) =>
        kind.slotOf?.(args, `redis://${user}:x@host:1/0`),
      );
      assert.deepEqual(slots, ["a", "b", "b", undefined, undefined]);
      assert.equal(kind.slotOf?.(args, "no address"), undefined);
    }
  });
});
