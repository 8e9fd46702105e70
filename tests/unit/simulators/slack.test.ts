import assert from "node:assert/strict";
import { SlackSimulator } from "../../../sandbox/simulators/slack.ts";
import { caller } from "./support.ts";

describe("simulators: Slack", () => {
  let sim: SlackSimulator;
  beforeEach(async () => {
    sim = await new SlackSimulator({ controlToken: "control" }).start();
  });
  afterEach(() => sim.stop());

  const post = (body: unknown, path = new URL(sim.webhookUrl()).pathname, headers = {}) =>
    caller(sim.url)("POST", path, body, headers);

  it("takes a message and answers ok", async () => {
    const reply = await post({ text: "rotated" });
    assert.deepEqual([reply.status, reply.body], [200, "ok"]);
    assert.equal(
      (
        await post(`payload=${encodeURIComponent('{"text":"form"}')}`, undefined, {
          "content-type": "application/x-www-form-urlencoded",
        })
      ).status,
      200,
    );
    assert.deepEqual(
      sim.messages.map(({ payload }) => payload.text),
      ["rotated", "form"],
    );
    assert.deepEqual(sim.effects.lines(), Array(2).fill("slack message.post T00000000/B00000000"));
    const control = await caller(sim.url)("GET", "/_control/messages", undefined, { "x-control-token": "control" });
    assert.equal(control.body.length, 2);
  });

  it("answers Slack's errors as plain text, and writes no credential down", async () => {
    assert.deepEqual((await post("{")).body, "invalid_payload");
    assert.deepEqual((await post("[]")).status, 400);
    assert.deepEqual((await post({})).body, "no_text");
    const unknown = await post({ text: "t" }, "/services/T1/B1/abcdefgh");
    assert.deepEqual([unknown.status, unknown.body], [404, "no_service"]);
    const wrong = await post({ text: "t" }, "/services/T00000000/B00000000/abcdefgh");
    assert.deepEqual([wrong.status, wrong.body], [403, "invalid_token"]);
    const written = JSON.stringify([sim.journal, sim.names()]);
    assert.ok(!written.includes("abcdefgh") && !written.includes("sandboxWebhookToken"));
  });

  it("lets a new webhook in and a revoked one out", async () => {
    const added = { team: "T1", bot: "B2", token: "newtoken" };
    sim.addWebhook(added);
    const path = new URL(sim.webhookUrl(added)).pathname;
    assert.equal((await post({ text: "t" }, path)).status, 200);
    sim.revokeWebhook("T1", "B2");
    assert.deepEqual((await post({ text: "t" }, path)).body, "no_service");
  });

  it("limits with Retry-After", async () => {
    const statuses = [];
    for (let turn = 0; turn < 11; turn++) statuses.push((await post({ text: "t" })).status);
    assert.deepEqual(statuses, [...Array<number>(10).fill(200), 429]);
    assert.ok(Number((await post({ text: "t" })).headers.get("retry-after")) >= 1);
  });
});
