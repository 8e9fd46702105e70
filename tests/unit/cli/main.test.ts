import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { commands, main } from "../../../cli/main.ts";
import type { Io } from "../../../cli/command.ts";
import { wantsColour } from "../../../cli/columns.ts";
import { reasonOf } from "../../../cli/force.ts";
import { guides } from "../../../cli/hand-overs/index.ts";
import { readValue } from "../../../cli/read-value.ts";

async function type(...args: string[]): Promise<{ code: number; out: string; said: string }> {
  const [out, said] = [[] as string[], [] as string[]];
  const io: Io = {
    out: (text) => out.push(text),
    say: (text) => said.push(text),
    // No `pulumi` can be found: whatever is decided before it is needed, is decided here.
    env: { PATH: "/nowhere" },
    input: process.stdin,
    now: new Date("2027-03-01T03:00:00Z"),
    colour: false,
  };
  return { code: await main(args, io), out: out.join("\n"), said: said.join("\n") };
}

describe("the command line", () => {
  it("has help for every command, with its exit codes", async () => {
    for (const name of Object.keys(commands)) {
      const { code, out } = await type(name, "--help");
      assert.equal(code, 0, name);
      assert.match(out, /^Usage: rotate /, name);
      assert.match(out, /Exit codes:/, name);
    }
    const { out } = await type("--help");
    for (const name of Object.keys(commands)) assert.ok(out.includes(`  ${name}`), name);
  });
  it("ends with 2 for wrong usage, and says what to type", async () => {
    const cases: [string[], RegExp][] = [
      [[], /Usage: rotate/],
      [["statsu"], /did you mean status\?/],
      [["status", "--colour"], /Unknown option '--colour'/],
      [["emergency", "--reason", "laptop stolen"], /--secret is missing/],
      [["emergency", "--secret", "X"], /--reason is missing/],
      [["emergency", "--secret", "X", "--reason", "42"], /write in a few words/],
      [["emergency", "--all"], /--reason is missing/],
      [["emergency", "--all", "--secret", "X", "--reason", "laptop stolen"], /--secret or --all, not both/],
      [["rollback", "X", "--possible"], /--possible goes with --run/],
      [["touched", "--reason", "laptop stolen"], /Say which service/],
      [["plan", "--json", "--markdown"], /not both/],
      [["hand-over"], /Say which secret/],
      [["status"], /no program `pulumi` on PATH/],
    ];
    for (const [args, words] of cases) {
      const { code, said } = await type(...args);
      assert.equal(code, 2, args.join(" "));
      assert.match(said, words, args.join(" "));
    }
  });
  it("uses colour on a terminal only, and never where NO_COLOR is set", () => {
    assert.deepEqual(
      [wantsColour({ isTTY: true }, {}), wantsColour({}, {}), wantsColour({ isTTY: true }, { NO_COLOR: "1" })],
      [true, false, false],
    );
  });
  it("takes a reason in words, and nothing that a config would read as a switch", () => {
    assert.equal(reasonOf("  laptop   stolen "), "laptop stolen");
    for (const bad of ["", "true", "12345", "x".repeat(301)])
      assert.throws(() => reasonOf(bad), /write in a few words/);
  });
});

describe("a value from standard input", () => {
  const read = (text: string): Promise<string> =>
    readValue(Readable.from([text]) as unknown as NodeJS.ReadStream, () => undefined);
  it("loses its line end, and is refused when empty or in several lines", async () => {
    assert.equal(await read("xoxb-1\r\n"), "xoxb-1");
    await assert.rejects(read("\n"), /No value was given/);
    await assert.rejects(read("a\nb\n"), /several lines/);
  });
});

describe("the guides for hand-overs", () => {
  it("are there for every secret of the runbooks that only a person can fetch", () => {
    assert.deepEqual([...guides.keys()].sort(), [
      "intelliflow/ANTHROPIC_API_KEY",
      "intelliflow/STRIPE_API_KEY",
      "visapi/CGB_API_KEY",
      "visapi/CODECOV_TOKEN",
      "visapi/RENDER_API_KEY",
      "visapi/SLACK_BOT_TOKEN",
      "visapi/SLACK_SIGNING_SECRET",
      "visapi/SLACK_WEBHOOK_URL",
      "visapi/UPSTASH_API_KEY",
    ]);
    for (const guide of guides.values()) assert.ok(guide.steps.length > 1 && guide.ending.length > 0, guide.name);
  });
  it("offers Codecov's uploads without a token", () => {
    assert.match(guides.get("visapi/CODECOV_TOKEN")?.instead?.join("\n") ?? "", /use_oidc: true/);
  });
});
