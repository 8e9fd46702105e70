// Tokens, cookies and shared secrets under a current and a previous value.
import assert from "node:assert/strict";
import * as tokens from "../../../sandbox/consumers/visapi/tokens.ts";

const now = new Date("2026-03-01T02:00:00Z");
const later = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
const before = { current: "old-value", previous: undefined };
const overlap = { current: "new-value", previous: "old-value" };
const after = { current: "new-value", previous: undefined };

describe("access tokens", () => {
  it("outlive a rotation under the previous value, and end with it", async () => {
    const token = await tokens.issueToken("ada@visanet.app", before, now);
    assert.deepEqual(await tokens.verifyToken(token, before, now), { email: "ada@visanet.app", slot: "current" });
    assert.deepEqual(await tokens.verifyToken(token, overlap, now), { email: "ada@visanet.app", slot: "previous" });
    assert.equal(await tokens.verifyToken(token, after, now), undefined);
  });

  it("are signed with the current value", async () => {
    const token = await tokens.issueToken("ada@visanet.app", overlap, now);
    assert.deepEqual(await tokens.verifyToken(token, after, now), { email: "ada@visanet.app", slot: "current" });
  });

  it("last an hour", async () => {
    const token = await tokens.issueToken("ada@visanet.app", after, now);
    assert.ok(await tokens.verifyToken(token, after, later(tokens.tokenLifetime - 1)));
    assert.equal(await tokens.verifyToken(token, after, later(tokens.tokenLifetime + 1)), undefined);
  });

  it("are refused when unsigned, altered or nonsense", async () => {
    const token = await tokens.issueToken("ada@visanet.app", after, now);
    const [, payload] = token.split(".");
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
    for (const bad of [none, `${token}x`, "", "a.b.c"]) {
      assert.equal(await tokens.verifyToken(bad, after, now), undefined, bad);
    }
  });

  it("cannot be issued without a value", async () => {
    await assert.rejects(tokens.issueToken("a@b.c", { current: undefined, previous: "old" }), /JWT_SECRET is not set/);
  });
});

describe("session cookies", () => {
  it("outlive a rotation under the previous value, and end with it", () => {
    const cookie = tokens.issueSession("ada@visanet.app", before, now);
    assert.deepEqual(tokens.verifySession(cookie, overlap, now), { email: "ada@visanet.app", slot: "previous" });
    assert.equal(tokens.verifySession(cookie, after, now), undefined);
  });

  it("last a day", () => {
    const cookie = tokens.issueSession("ada@visanet.app", after, now);
    assert.ok(tokens.verifySession(cookie, after, later(tokens.sessionLifetime - 1)));
    assert.equal(tokens.verifySession(cookie, after, later(tokens.sessionLifetime + 1)), undefined);
  });

  it("are refused when altered", () => {
    const [payload, signature] = tokens.issueSession("ada@visanet.app", after, now).split(".");
    const forged = Buffer.from('{"email":"eve@visanet.app","expires":9999999999}').toString("base64url");
    for (const bad of [`${forged}.${signature}`, `${payload}.`, `${payload}`, "", `${payload}.${signature}.x`]) {
      assert.equal(tokens.verifySession(bad, after, now), undefined, bad);
    }
  });

  it("are found among other cookies", () => {
    assert.equal(tokens.readCookie(`a=1; ${tokens.cookieName}=x.y=; b=2`, tokens.cookieName), "x.y=");
    assert.equal(tokens.readCookie(undefined, tokens.cookieName), undefined);
  });
});

describe("shared secrets", () => {
  it("match the current and the previous value, and nothing when there is none", () => {
    assert.equal(tokens.matchSecret("new-value", overlap), "current");
    assert.equal(tokens.matchSecret("old-value", overlap), "previous");
    assert.equal(tokens.matchSecret("old-value", after), undefined);
    assert.equal(tokens.matchSecret("", { current: undefined, previous: undefined }), undefined);
    assert.equal(tokens.matchSecret("new-valu", after), undefined);
  });

  it("are read from a bearer header only", () => {
    assert.equal(tokens.bearer("Bearer abc"), "abc");
    assert.equal(tokens.bearer("bearer  abc"), "abc");
    for (const bad of [undefined, "", "Bearer", "Basic abc", "abc"]) assert.equal(tokens.bearer(bad), undefined);
  });
});
