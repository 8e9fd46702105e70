import assert from "node:assert/strict";
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { resendKey } from "../../../provider/credentials/resend-key.ts";
import { standing } from "../../../provider/vendors/resend.ts";
import { ResendSimulator } from "../../../sandbox/simulators/resend.ts";
import { family, issueOf, rotate, settingsOf } from "./vendors.ts";

const domainId = "4dd369bc-aa82-4ff3-97de-514ae3000ee0";
const args = { from: "noreply@visanet.app", quietMinutes: 60 };

describe("credentials: Resend keys", () => {
  let sim: ResendSimulator;
  let kind: CredentialKind;
  const ours = () => sim.liveKeys.filter((name) => name !== "admin");
  const send = async (key: string): Promise<number> => {
    for (;;) {
      const { status } = await fetch(`${sim.url}/emails`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ from: "a@visanet.app", to: "b@example.com", subject: "s", html: "h" }),
      });
      if (status !== 429) return status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  beforeEach(async () => {
    const domains = [{ id: domainId, name: "visanet.app" }];
    // The vendor's two requests a second, ten times as fast.
    sim = await new ResendSimulator({ adminKey: "re_admin", domains, limitScale: 10 }).start();
    kind = resendKey(settingsOf({ resendUrl: sim.url, resendAdminKey: "re_admin" }));
  });
  afterEach(() => sim.stop());

  it("rotates: two live at once, the new one proven by a message, the old one dead when it is revoked", async () => {
    const first = await rotate(kind, args);
    const second = await rotate(kind, args, 2);
    assert.deepEqual([await send(first.value), await send(second.value)], [200, 200]);
    assert.deepEqual(
      sim.emails.filter(({ to }) => to.includes("delivered@resend.dev")).map(({ keyName }) => keyName),
      [`${family}-g1`, `${family}-g2`],
    );
    await kind.revoke(args, first.reference);
    await kind.revoke(args, first.reference);
    assert.deepEqual([await send(first.value), await send(second.value)], [403, 200]);
    assert.equal(await kind.valid(args, first.reference), false);
    assert.deepEqual(ours(), [`${family}-g2`]);
  }).timeout(30_000);

  it("makes keys that may send from one domain and nothing else", async () => {
    const { value } = await rotate(kind, { ...args, domainId });
    assert.equal(await standing(sim.url, value), "sending");
    await assert.rejects(kind.prove(args, { value: "re_admin", reference: "x" }), /may do everything/);
  }).timeout(20_000);

  it("deletes what a killed run left, whose value is lost", async () => {
    const first = await kind.issue(issueOf(args));
    const again = await rotate(kind, args);
    assert.notEqual(again.reference, first.reference);
    assert.deepEqual(ours(), [`${family}-g1`]);
  }).timeout(20_000);

  for (const fault of ["lost-reply", "half-body", "drop-before"] as const)
    it(`makes one key when creation suffers ${fault}`, async () => {
      sim.faults.add({ kind: fault, match: { method: "POST", path: /api-keys/ } });
      await rotate(kind, args);
      assert.deepEqual(ours(), [`${family}-g1`]);
    }).timeout(20_000);

  it("waits at the limit, and says what is wrong when creation is refused", async () => {
    sim.faults.add({ kind: "rate-limited", resetSeconds: 1, match: { method: "POST" } });
    await rotate(kind, args);
    sim.faults.add({ kind: "status", status: 401, match: { method: "POST" } });
    await assert.rejects(kind.issue(issueOf(args, 2)), /set RESEND_ADMIN_KEY/);
    assert.deepEqual(ours(), [`${family}-g1`]);
  }).timeout(20_000);

  it("does not prove a dead key, nor one that may not send from there", async () => {
    const { value, reference } = await kind.issue(issueOf(args));
    await assert.rejects(kind.prove({ from: "a@elsewhere.example" }, { value, reference }), /403, validation_error/);
    await kind.revoke(args, reference);
    await assert.rejects(kind.prove(args, { value, reference }), (error: Error) => {
      assert.match(error.message, /does not accept key/);
      assert.ok(!error.message.includes(value));
      return true;
    });
  }).timeout(20_000);

  it("sees by the vendor's clock who used a key within the quiet time", async () => {
    const { reference } = await kind.issue(issueOf(args));
    assert.deepEqual(await kind.users(args, reference), { count: 0, who: [] }, "never used");
    const used = await rotate(kind, args, 2);
    assert.equal((await kind.users(args, used.reference))?.count, 1);
    assert.equal((await kind.users({ quietMinutes: 0 }, used.reference))?.count, 0);
    assert.equal((await kind.users(args, "gone"))?.count, 0);
  }).timeout(20_000);

  it("checks its settings before anything happens", () => {
    const problems = (given: object) => kind.validate({ ...given }).map(({ property }) => property);
    assert.deepEqual(problems({}), []);
    assert.deepEqual(problems({ domainId: "visanet.app", from: "nobody", quietMinutes: -1 }), [
      "domainId",
      "from",
      "quietMinutes",
    ]);
  });
});
