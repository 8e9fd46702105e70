import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Failure } from "../../../cli/command.ts";
import { digest, type Preview, type PreviewStep } from "../../../cli/digest.ts";
import { order, planMarkdown, planText } from "../../../cli/show-plan.ts";

// Recorded from `pulumi preview --json --show-sames` in the sandbox; five secrets of it.
const recorded = JSON.parse(readFileSync(new URL("preview.json", import.meta.url), "utf8")) as Preview;
const plan = digest(recorded);

describe("a preview, digested", () => {
  it("names what rotates, why, and from when to when", () => {
    const rotated = plan.secrets.filter(({ what }) => what === "rotated");
    assert.deepEqual(rotated.map(({ name }) => name).sort(), ["visapi/CRON_SECRET", "visapi/JWT_SECRET"]);
    const jwt = rotated.find(({ name }) => name === "visapi/JWT_SECRET");
    assert.deepEqual(
      [jwt?.class, jwt?.generation, jwt?.from.slice(0, 10), jwt?.to, jwt?.cutOver],
      ["HIGH", 2, "2027-02-03", "2027-04-02T03:00:00Z", false],
    );
    assert.match(jwt?.why ?? "", /overdue/);
    assert.deepEqual(jwt?.destinations.sort(), ["render:api", "vault:secret"]);
    assert.deepEqual(jwt?.proves, ["api (2 instances)"]);
  });
  it("says what is held back and why, and who has to fetch what only a person can", () => {
    const why = new Map(plan.held.map((held) => [held.name, held.why]));
    assert.match(why.get("visapi/SESSION_SECRET") ?? "", /the other one of its pair rotates in this run/);
    assert.match(
      why.get("visapi/SLACK_SIGNING_SECRET") ?? "",
      /a person fetches it: rotate hand-over SLACK_SIGNING_SECRET/,
    );
  });
  it("counts one restart for all secrets of a service, and calls by vendor", () => {
    const api = plan.consumers.find(({ rollout }) => rollout === "render:api");
    assert.deepEqual(api?.secrets.sort(), ["visapi/CRON_SECRET", "visapi/JWT_SECRET"]);
    const calls = Object.fromEntries(plan.loads.map((load) => [load.class, load.calls]));
    assert.deepEqual(
      [calls["render-write"], calls["render-deploy"], calls["vercel"], calls["vercel-deploy"]],
      [4, 1, 2, 1],
    );
  });
  it("counts what vendors are asked to issue and to end", () => {
    const urn = (part: string): string => `urn:pulumi:sandbox::p::rotation:index:${part}::visapi/KEY/${part}`;
    const state = (type: string, inputs: object): PreviewStep["newState"] => ({ type, inputs: { ...inputs } });
    const steps: PreviewStep[] = [
      {
        op: "update",
        urn: urn("Credential"),
        oldState: state("rotation:index:Credential", { kind: "supabase-key", generation: 1 }),
        newState: state("rotation:index:Credential", { kind: "supabase-key", generation: 2, graceHours: 1 }),
      },
      {
        op: "update",
        urn: urn("Revocation"),
        newState: state("rotation:index:Revocation", { kind: "resend-key", due: true }),
      },
    ];
    const calls = Object.fromEntries(digest({ steps }).loads.map((load) => [load.class, load.calls]));
    assert.deepEqual(calls, { supabase: 3, resend: 4 });
    Object.assign(steps[0]?.newState?.inputs ?? {}, { kind: "upstash-password", cutOver: true });
    assert.equal(digest({ steps }).secrets[0]?.cutOver, true);
  });
  it("lists the steps in the order of the run", () => {
    const steps = order(plan);
    const at = (words: RegExp): number => steps.findIndex((step) => words.test(step));
    const places = [
      /ask every consumer/,
      /make the new values/,
      /write vault/,
      /write .*render/,
      /restart/,
      /verify/,
      /done/,
    ].map(at);
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    );
    assert.ok(
      places.every((place) => place >= 0),
      steps.join("\n"),
    );
  });
  it("shows both values' end, and no value, as text and as Markdown", () => {
    for (const text of [planText(plan), planMarkdown(plan)]) {
      assert.match(text, /both values are accepted until 2027-04-02T04:00Z/);
      assert.ok(!text.includes("[secret]"));
      assert.ok(!/[0-9a-f]{32}/.test(text));
    }
    assert.match(planMarkdown(plan), /\| `visapi\/JWT_SECRET` \| HIGH \| rotated \| 2027-02-03 -> 2027-04-02 \|/);
  });
  it("says so when nothing is due", () => {
    const idle = digest({ steps: recorded.steps?.map((step) => ({ ...step, op: "same" })), diagnostics: [] });
    assert.deepEqual([idle.secrets, idle.loads, idle.seconds], [[], [], 0]);
    assert.match(planText(idle), /Nothing is due/);
  });
  it("calls a cut-over a cut-over", () => {
    const steps = structuredClone(recorded.steps ?? []);
    for (const { urn, newState } of steps)
      if (urn.endsWith("visapi/JWT_SECRET/overlap"))
        Object.assign(newState?.inputs ?? {}, { graceHours: 0, holds: false, retireAt: "" });
    assert.match(planText(digest({ steps, diagnostics: [] })), /JWT_SECRET: cut-over: whoever uses the old value/);
  });
  it("refuses what is no preview", () => {
    assert.throws(() => digest({ steps: "none" }), Failure);
  });
});
