import assert from "node:assert/strict";
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { openaiKey } from "../../../provider/credentials/openai-key.ts";
import { accepted } from "../../../provider/vendors/openai.ts";
import { OpenAiSimulator } from "../../../sandbox/simulators/openai.ts";
import { family, issueOf, rotate, settingsOf } from "./vendors.ts";

const args = { project: "proj_test", quietMinutes: 60 };
const creation = { method: "POST", path: /service_accounts/ };

describe("credentials: OpenAI keys", () => {
  let sim: OpenAiSimulator;
  let kind: CredentialKind;
  const works = (key: string) => accepted(`${sim.url}/v1`, key, 5);

  beforeEach(async () => {
    const keys = [{ name: "made by hand", token: "sk-proj-by-hand" }];
    sim = await new OpenAiSimulator({ adminKey: "sk-admin-1", project: "proj_test", keys, limitScale: 100 }).start();
    kind = openaiKey(settingsOf({ openaiUrl: `${sim.url}/v1`, openaiAdminKey: "sk-admin-1", patienceSeconds: "2" }));
  });
  afterEach(() => sim.stop());

  it("rotates: two live at once, the old one dead with its account when it is revoked, others untouched", async () => {
    const first = await rotate(kind, args);
    const second = await rotate(kind, args, 2);
    assert.deepEqual([await works(first.value), await works(second.value)], [true, true]);
    assert.equal(await kind.valid(args, first.reference, first.value), true);
    await kind.revoke(args, first.reference);
    await kind.revoke(args, first.reference);
    assert.deepEqual([await works(first.value), await works(second.value)], [false, true]);
    assert.equal(await kind.valid(args, first.reference, first.value), false);
    assert.deepEqual(sim.accounts, [`${family}-g2`]);
    assert.equal(await works("sk-proj-by-hand"), true);
  });

  it("counts a key as valid that is accepted although its account is gone", async () => {
    const { reference, value } = await rotate(kind, args);
    assert.equal(await kind.valid(args, "svc_acct_gone", value), true);
    assert.equal(await kind.valid(args, "svc_acct_gone"), false);
    assert.equal(await kind.valid(args, reference), true);
  });

  it("deletes what a killed run left, whose key is lost, and leaves no orphan", async () => {
    const first = await kind.issue(issueOf(args));
    const again = await rotate(kind, args);
    assert.notEqual(again.reference, first.reference);
    assert.deepEqual(sim.accounts, [`${family}-g1`]);
    assert.equal(await works(first.value), false);
  });

  for (const fault of ["lost-reply", "half-body", "drop-before"] as const)
    it(`makes one account when creation suffers ${fault}`, async () => {
      sim.faults.add({ kind: fault, match: creation });
      const { value } = await rotate(kind, args);
      assert.deepEqual(sim.accounts, [`${family}-g1`]);
      assert.equal(await works(value), true);
    });

  it("finds what it left among more accounts than one page holds", async () => {
    await kind.issue(issueOf(args));
    for (let generation = 2; generation <= 104; generation++) await kind.issue(issueOf(args, generation));
    await rotate(kind, args, 104);
    assert.equal(sim.accounts.length, 104);
    assert.equal(new Set(sim.accounts).size, 104);
  }).timeout(30_000);

  it("waits at the limit, and says what is wrong when creation is refused", async () => {
    sim.faults.add({ kind: "rate-limited", resetSeconds: 1, match: creation });
    await rotate(kind, args);
    sim.faults.add({ kind: "status", status: 401, match: creation });
    await assert.rejects(kind.issue(issueOf(args, 2)), /set OPENAI_ADMIN_KEY/);
    sim.faults.add({ kind: "status", status: 403, match: creation });
    await assert.rejects(kind.issue(issueOf(args, 2)), /OPENAI_ADMIN_KEY may not do this/);
    assert.deepEqual(sim.accounts, [`${family}-g1`]);
  }).timeout(20_000);

  it("gives a fresh key moments to be known, and does not prove one that is refused", async () => {
    const refused = { method: "GET", path: /models/ };
    sim.faults.add({ kind: "status", status: 401, times: 2, match: refused });
    const { value, reference } = await rotate(kind, args);
    await kind.revoke(args, reference);
    await assert.rejects(kind.prove(args, { value, reference }), (error: Error) => {
      assert.match(error.message, /OpenAI does not accept the key of svc_acct_/);
      assert.ok(!error.message.includes(value));
      return true;
    });
  }).timeout(20_000);

  it("sees by the vendor's clock who used a key within the quiet time", async () => {
    const { reference } = await kind.issue(issueOf(args));
    assert.deepEqual(await kind.users(args, reference), { count: 0, who: [] }, "never used");
    const used = await rotate(kind, args, 2);
    assert.equal((await kind.users(args, used.reference))?.count, 1);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal((await kind.users({ ...args, quietMinutes: 0 }, used.reference))?.count, 0);
    assert.equal((await kind.users(args, "gone"))?.count, 0);
  });

  it("checks its settings before anything happens", () => {
    const problems = (given: object) => kind.validate({ ...given }).map(({ property }) => property);
    assert.deepEqual(problems(args), []);
    assert.deepEqual(problems({ project: "intelliflow", lifetimeDays: -1, quietMinutes: -1 }), [
      "project",
      "lifetimeDays",
      "quietMinutes",
    ]);
  });
});
