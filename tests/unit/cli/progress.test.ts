import assert from "node:assert/strict";
import { Progress } from "../../../cli/progress.ts";

const urn = (type: string, name: string): string => `urn:pulumi:sandbox::secret-rotation::${type}::${name}`;
const step = (op: string, type: string, name: string, outputs: Record<string, unknown> = {}) => ({
  resOutputsEvent: { metadata: { op, urn: urn(type, name), type, new: { outputs } } },
});
const error = (message: string, name?: string) => ({
  diagnosticEvent: {
    ...(name ? { urn: urn("rotation:index:Verification", name) } : {}),
    ...{ message, severity: "error", prefix: "", color: "never" },
  },
});

describe("what a run says while it goes on", () => {
  let lines: string[];
  let progress: Progress;
  beforeEach(() => {
    lines = [];
    progress = new Progress((line) => void lines.push(line));
  });

  it("is one line for each thing that has happened to a secret", () => {
    progress.see(step("update", "rotation:index:Precheck", "visapi/A/precheck"));
    progress.see(step("update", "rotation:index:Overlap", "visapi/A/overlap", { generation: 2, fingerprint: "abc" }));
    progress.see(step("same", "rotation:index:Overlap", "visapi/B/overlap", { generation: 1, fingerprint: "def" }));
    progress.see(step("update", "rotation:index:Verification", "visapi/A/verification", { consumers: ["api 2/2"] }));
    assert.deepEqual(lines, [
      "visapi/A: its consumers are well, and its rotation is announced",
      "visapi/A: generation 2, fingerprint abc",
      "visapi/A: verified: api 2/2",
    ]);
    assert.deepEqual(progress.outcome.touched, ["visapi/A"]);
  });

  it("names the cause of a failure, and not the policy that was cut off by it", () => {
    const cutOff = error("failed to run remediation: context canceled");
    const cause = error("visapi/A is handed out but not proven in use", "visapi/A/verification");
    for (const event of [cutOff, cause, cutOff]) progress.see(event);
    assert.deepEqual(progress.outcome.errors, ["visapi/A is handed out but not proven in use"]);
    assert.deepEqual(lines, ["error: visapi/A is handed out but not proven in use"]);
  });

  it("keeps it where nothing else was said", () => {
    progress.see(error("failed to run remediation: context canceled"));
    assert.deepEqual(progress.outcome.errors, ["failed to run remediation: context canceled"]);
  });
});
