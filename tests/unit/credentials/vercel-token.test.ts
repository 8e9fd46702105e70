import assert from "node:assert/strict";
import type { CredentialKind } from "../../../provider/credentials/kind.ts";
import { vercelToken } from "../../../provider/credentials/vercel-token.ts";
import { VercelSimulator } from "../../../sandbox/simulators/vercel.ts";
import { family, issueOf, rotate, settingsOf } from "./vendors.ts";

const args = { intervalDays: 90, graceHours: 24, quietMinutes: 0 };
const day = 86_400_000;

describe("credentials: Vercel tokens", () => {
  let sim: VercelSimulator;
  /** The kind in a run that was given this token. */
  const run = (token = "initial-token"): CredentialKind =>
    vercelToken(settingsOf({ vercelUrl: sim.url, vercelToken: token }));
  const names = () => (sim.names() as { tokens: { name: string }[] }).tokens.map(({ name }) => name);
  const opens = (token: string) =>
    fetch(`${sim.url}/v2/user`, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status);

  beforeEach(async () => {
    sim = await new VercelSimulator({ token: "initial-token", projects: [] }).start();
  });
  afterEach(() => sim.stop());

  it("hands over from token to token, each ended by a run that works with its successor", async () => {
    const first = await rotate(run(), args);
    assert.deepEqual(names(), ["initial", `${family}-g1`], "what a person made stays");
    const second = await rotate(run(first.value), args, 2);
    await assert.rejects(run(first.value).revoke(args, first.reference), /is the one that this run works with/);
    assert.deepEqual([await opens(first.value), await opens(second.value)], [200, 200]);

    await run(second.value).revoke(args, first.reference);
    await run(second.value).revoke(args, first.reference);
    assert.deepEqual([await opens(first.value), await opens(second.value)], [403, 200]);
    assert.equal(await run(second.value).valid(args, first.reference), false);
    assert.deepEqual(names(), ["initial", `${family}-g2`]);
  });

  it("counts the run itself as a user, so that the end waits for the next run", async () => {
    const first = await rotate(run(), args);
    const second = await rotate(run(first.value), args, 2);
    assert.deepEqual(await run(first.value).users(args, first.reference), {
      count: 1,
      who: ["this run itself, by VERCEL_API_TOKEN"],
    });
    assert.equal((await run(second.value).users({ ...args, quietMinutes: 60 }, first.reference))?.count, 1);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal((await run(second.value).users(args, first.reference))?.count, 0);
    assert.equal((await run(second.value).users(args, "tok_gone"))?.count, 0);
  });

  it("never ends a token that has no successor", async () => {
    const first = await rotate(run(), args);
    await assert.rejects(run().revoke(args, first.reference), /holds no other one of its family/);
    assert.equal(await opens(first.value), 200);
  });

  it("ends by itself after interval, grace period and margin", async () => {
    const before = Date.now();
    const { value } = await rotate(run(), args);
    const response = await fetch(`${sim.url}/v5/user/tokens/current`, {
      headers: { authorization: `Bearer ${value}` },
    });
    const { token } = (await response.json()) as { token: { expiresAt: number } };
    const days = (token.expiresAt - before) / day;
    assert.ok(days > 120.9 && days < 121.1, `${days} days`);
  });

  it("deletes what a killed run left, but never the token that it works with itself", async () => {
    const lost = await run().issue(issueOf(args));
    const again = await rotate(run(), args);
    assert.equal(await opens(lost.value), 403);
    assert.deepEqual(names(), ["initial", `${family}-g1`]);
    await assert.rejects(run(again.value).issue(issueOf(args)), /the stack's state has lost it/);
    assert.equal(await opens(again.value), 200);
  });

  for (const fault of ["lost-reply", "half-body", "drop-before"] as const)
    it(`makes one token when creation suffers ${fault}`, async () => {
      sim.faults.add({ kind: fault, match: { method: "POST" } });
      const { value } = await rotate(run(), args);
      assert.equal(await opens(value), 200);
      assert.deepEqual(names(), ["initial", `${family}-g1`]);
    });

  it("waits at the limit, and says what is wrong when creation is refused", async () => {
    sim.faults.add({ kind: "rate-limited", resetSeconds: 1, match: { method: "POST" } });
    await rotate(run(), args);
    sim.faults.add({ kind: "status", status: 403, match: { method: "POST" } });
    await assert.rejects(run().issue(issueOf(args, 2)), /VERCEL_API_TOKEN may not do this/);
    assert.deepEqual(names(), ["initial", `${family}-g1`]);
  });

  it("does not prove a dead token", async () => {
    await assert.rejects(
      run().prove(args, { value: "dead-token", reference: "tok_1" }),
      /does not accept the token tok_1/,
    );
  });

  it("checks its settings before anything happens", () => {
    assert.deepEqual(run().validate(args), []);
    assert.deepEqual(
      run()
        .validate({ graceHours: -1, marginDays: 0 })
        .map(({ property }) => property),
      ["intervalDays", "graceHours", "marginDays"],
    );
  });
});
