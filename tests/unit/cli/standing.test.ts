import assert from "node:assert/strict";
import type { EngineEvent } from "../../../cli/events.ts";
import { live, screen } from "../../../cli/live.ts";
import { Standing } from "../../../cli/standing.ts";

const urn = (type: string, name: string): string => `urn:pulumi:production::secret-rotation::${type}::${name}`;
const begin = (type: string, name: string, op = "update"): EngineEvent => ({
  resourcePreEvent: { metadata: { op, urn: urn(type, name), type } },
});
const end = (type: string, name: string, op = "update"): EngineEvent => ({
  resOutputsEvent: { metadata: { op, urn: urn(type, name), type } },
});

describe("where a run stands", () => {
  const precheck = ["rotation:index:Precheck", "visapi/A/precheck"] as const;
  const deploy = ["rotation:render:Deploy", "visapi/A/rollout-api"] as const;
  const proof = ["rotation:index:Verification", "visapi/A/verification"] as const;

  it("tells the phase, what is done, what it waits for, and how long", () => {
    let now = 0;
    const standing = new Standing(() => now);
    assert.equal(standing.line(), "0 s  comparing with what is declared");
    standing.see(begin("rotation:index:Schedule", "visapi/A/schedule"));
    standing.see(begin("rotation:index:Schedule", "visapi/B/schedule"));
    standing.see(begin("rotation:index:Schedule", "visapi/C/schedule", "same"));
    standing.see(begin(...precheck));
    now = 3000;
    assert.equal(standing.line(), "3 s  prechecks: 0 of 2 secrets done, waiting for precheck of visapi/A (3 s)");
    standing.see(end(...precheck));
    standing.see(begin(...deploy));
    now = 63_000;
    assert.equal(
      standing.line(),
      "1 min 3 s  restarts: 0 of 2 secrets done, about 2 min left, waiting for restart of api (1 min 0 s)",
    );
    standing.see(end(...deploy));
    standing.see(begin(...proof));
    assert.equal(standing.line(), "1 min 3 s  verification: 0 of 2 secrets done, waiting for proof of visapi/A (0 s)");
    standing.see(end(...proof));
    assert.equal(standing.line(), "1 min 3 s  1 of 2 secrets done");
  });

  it("learns from this run how long a restart takes", () => {
    let now = 0;
    const standing = new Standing(() => now);
    standing.see(begin(...deploy));
    now = 40_000;
    standing.see(end(...deploy));
    standing.see(begin("rotation:render:Deploy", "visapi/B/rollout-api"));
    now = 45_000;
    assert.equal(standing.secondsLeft, 35);
    now = 100_000;
    assert.equal(standing.secondsLeft, 1, "longer than it should: no number below nothing");
  });

  it("does not count a failed proof as done", () => {
    const standing = new Standing(() => 0);
    standing.see(begin(...proof));
    standing.see({ resOpFailedEvent: { metadata: { op: "update", urn: urn(...proof), type: proof[0] } } });
    standing.see(begin(...precheck));
    assert.match(standing.line(), /0 of 1 secrets done/);
  });
});

describe("the line at the end of the terminal", () => {
  const on = (stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = {}) => {
    let text = "";
    return { ...screen({ ...stream, columns: 30, write: (more) => (text += more) }, env), text: () => text };
  };

  it("is rewritten on a terminal, within its width, and what is said stays above it", () => {
    const { say, rewrite, text } = on({ isTTY: true });
    rewrite?.("waiting for a restart that takes long");
    say("written to vault:secret");
    rewrite?.("");
    say("done");
    const cut = "waiting for a restart that ta";
    assert.equal(text(), `${cut}\r\u001b[2Kwritten to vault:secret\n${cut}\r\u001b[2Kdone\n`);
  });

  it("is none in CI, in a pipe, and on a dumb terminal", () => {
    for (const made of [on({}), on({ isTTY: true }, { CI: "true" }), on({ isTTY: true }, { TERM: "dumb" })]) {
      assert.equal(made.rewrite, undefined);
      made.say("a plain line");
      assert.equal(made.text(), "a plain line\n");
    }
  });

  it("goes away however the run ends", () => {
    const shown: string[] = [];
    const run = live({ say: () => undefined, rewrite: (text) => shown.push(text) });
    run.end();
    assert.equal(shown.at(-1), "");
  });
});
