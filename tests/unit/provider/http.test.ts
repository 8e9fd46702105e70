import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { freePort } from "../../../sandbox/servers/ports.ts";
import { request, VendorError, type Call, type Vendor } from "../../../provider/vendors/http.ts";

describe("calling a vendor", () => {
  let server: Server;
  let vendor: Vendor;
  let calls: number;
  let answer: (request: IncomingMessage, response: ServerResponse, call: number) => void;

  beforeEach((done) => {
    calls = 0;
    server = createServer((request, response) => answer(request, response, ++calls)).listen(0, "127.0.0.1", () => {
      const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      vendor = {
        name: "Acme",
        baseUrl,
        headers: { authorization: "Bearer token-of-acme" },
        tokenName: "ACME_TOKEN",
        patienceSeconds: 10,
      };
      done();
    });
  });
  afterEach((done) => {
    server.closeAllConnections();
    server.close(() => done());
  });

  const call = (more: Partial<Call> = {}): Call => ({
    method: "PUT",
    path: "/thing",
    body: { value: "hunter2hunter2" },
    purpose: "set THING",
    ...more,
  });
  const reply = (
    response: ServerResponse,
    status: number,
    body: unknown = {},
    headers: Record<string, string> = {},
  ): void => {
    response.writeHead(status, headers).end(JSON.stringify(body));
  };

  it("waits as long as a 429 says, and no shorter", async () => {
    answer = (_, response, n) =>
      n === 1 ? reply(response, 429, {}, { "retry-after": "1" }) : reply(response, 200, { ok: true });
    const started = Date.now();
    assert.deepEqual((await request(vendor, call())).body, { ok: true });
    assert.ok(Date.now() - started >= 1000);
  });

  it("waits before the next call when a bucket is empty", async () => {
    answer = (_, response) => reply(response, 200, {}, { "ratelimit-remaining": "0", "ratelimit-reset": "1" });
    await request(vendor, call());
    const started = Date.now();
    await request(vendor, call());
    assert.ok(Date.now() - started >= 900);
  });

  it("sends again after 5xx, a lost reply and half a body, where that is safe", async () => {
    answer = (_, response, n) => {
      if (n === 1) return reply(response, 503);
      if (n === 2) return void response.socket?.destroy();
      if (n === 3)
        return void response
          .writeHead(200, { "content-length": "100" })
          .write('{"a":', () => response.socket?.destroy());
      return reply(response, 200, { done: n });
    };
    assert.deepEqual((await request(vendor, call())).body, { done: 4 });
  });

  it("never repeats a POST whose reply was lost, but does repeat one that was refused for its rate", async () => {
    answer = (_, response, n) =>
      n === 1 ? reply(response, 429, {}, { "retry-after": "0" }) : void response.socket?.destroy();
    await assert.rejects(request(vendor, call({ method: "POST" })), /Acme at .* gave no answer/);
    assert.equal(calls, 2);
  });

  it("names the call, the status and the mend, and neither body nor token", async () => {
    const cases: [number, RegExp][] = [
      [401, /Acme answered 401 .*to: set THING\. The token is missing, wrong or expired: set ACME_TOKEN/],
      [403, /ACME_TOKEN may not do this/],
      [404, /knows none such for this token/],
      [422, /Acme answered 422 \(bad_thing\) to: set THING/],
    ];
    for (const [status, expected] of cases) {
      answer = (_, response) =>
        reply(response, status, { error: { code: "bad_thing", message: "you sent hunter2hunter2" } });
      await assert.rejects(request(vendor, call()), (error: unknown) => {
        assert.ok(error instanceof VendorError);
        assert.equal(error.status, status);
        assert.match(error.message, expected);
        assert.ok(!/hunter2|token-of-acme/.test(error.message), error.message);
        return true;
      });
    }
  });

  it("says so when nobody listens", async () => {
    // One that was listened on a moment ago may be given to another process.
    const nobody = { ...vendor, baseUrl: `http://127.0.0.1:${await freePort()}`, patienceSeconds: 1 };
    await assert.rejects(request(nobody, call()), /Acme at http:\/\/127\.0\.0\.1:\d+ gave no answer \(ECONNREFUSED\)/);
  });
});
