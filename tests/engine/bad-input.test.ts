// What a person can get wrong: one clear error before the first effect, although a rotation is due in every run.
import assert from "node:assert/strict";
import { join } from "node:path";
import { repository } from "../../sandbox/stack.ts";
import { World, type Run, type RunSettings } from "../support/world.ts";

type Declared = Record<string, unknown>;
const secrets: Declared[] = [
  { name: "A_SECRET", destinations: ["vault", "github"] },
  { name: "B_SECRET", destinations: ["vault"] },
];

describe("bad input on the real engine", () => {
  let world: World;

  before(async function () {
    this.timeout(1_800_000);
    world = await World.start({ policies: true });
    declare();
    await succeeded(world.up({ program: "declared" }));
    await succeeded(world.up({ program: "declared", now: world.later(31) }));
    world.now = world.later(62);
  });
  after(async () => world.stop());

  function declare(more: Declared[] = [], rest: Declared = {}, config: Declared = {}): void {
    world.configure({ "secret-rotation:declared": { secrets: [...secrets, ...more], ...rest }, ...config });
  }

  async function succeeded(run: Promise<Run>): Promise<Run> {
    const ran = await run;
    assert.equal(ran.code, 0, ran.output);
    return ran;
  }

  /** Runs, and holds that there is exactly one error, without a stack trace or a token, and no effect anywhere. */
  async function refused(expected: RegExp, settings: RunSettings = {}): Promise<void> {
    const before = await world.vaultVersions();
    world.sandbox.simulators.effects.clear();
    const run = await world.up({ program: "declared", ...settings });
    assert.notEqual(run.code, 0, run.output);
    assert.equal(run.errors.length, 1, run.errors.join("\n---\n") || run.output);
    assert.match(run.errors[0] ?? "", expected);
    assert.doesNotMatch(run.output, /unhandled exception|\n\s+at .*[:(]\d+/, "no stack trace");
    const { renderApiKey, vercelApiToken, githubToken, slackWebhookToken } = world.sandbox.secrets;
    for (const token of [
      world.sandbox.env["VAULT_TOKEN"] ?? "",
      renderApiKey,
      vercelApiToken,
      githubToken,
      slackWebhookToken,
    ])
      assert.ok(!run.output.includes(token) && !run.events.includes(token), "no token in what was said");
    assert.deepEqual(world.sandbox.simulators.effects.lines(), [], "no effect at a vendor");
    assert.deepEqual(await world.vaultVersions(), before, "no new version in Vault");
  }

  const forced = (name: string, entry: Declared): Declared => ({ "secret-rotation:forced": { [name]: entry } });
  const asked = { generation: 2, reason: "laptop stolen", by: "ops", at: "2027-04-01T00:00:00Z" };
  const other = (fields: Declared): Declared[] => [{ name: "C_SECRET", destinations: ["vault"], ...fields }];

  const declarations: [what: string, expected: RegExp, declaration: Parameters<typeof declare>][] = [
    [
      "a rotation asked for a secret that there is not",
      /forced names "visapi\/JWT_SECRETS", which visapi does not have; it has A_SECRET, B_SECRET\. Remove it: pulumi config rm/,
      [[], {}, forced("visapi/JWT_SECRETS", asked)],
    ],
    [
      "a rotation asked for an application that there is not",
      /forced names "visap\/A_SECRET", which is in no application of this stack; .* one of: visapi/,
      [[], {}, forced("visap/A_SECRET", asked)],
    ],
    [
      "a rotation asked for without a reason",
      /forced\["visapi\/A_SECRET"\] needs reason, by and at/,
      [[], {}, forced("visapi/A_SECRET", { generation: 2 })],
    ],
    [
      "an application whose name is none",
      /The application is named "VisAPI"; use lower-case letters, digits and dashes, like "visapi"/,
      [[], { application: "VisAPI" }],
    ],
    ["one secret twice", /visapi declares A_SECRET twice; remove one of them/, [[secrets[0] ?? {}]]],
    [
      "a destination that there is not",
      /visapi\/C_SECRET has a destination "vualt", which is none; write vaultKv\(\)/,
      [other({ destinations: ["vualt"] })],
    ],
    [
      "an interval of 0",
      /visapi\/C_SECRET: intervalDays must be a whole number of days from 1 to 3650, not 0; type for instance 90/,
      [other({ intervalDays: 0 })],
    ],
    [
      "an interval in months",
      /visapi\/C_SECRET: intervalDays .* not "1 month"; months and years differ in length: type 30/,
      [other({ intervalDays: "1 month" })],
    ],
    [
      "a repository that there is not",
      /GitHub knows no repository "visanet\/visapo" for this token\. Check the name/,
      [[], { repository: "visapo" }],
    ],
    [
      "a repository with its owner",
      /The GitHub repository is "visanet\/visapi"; give its name alone, "visapi"/,
      [[], { repository: "visanet/visapi" }],
    ],
    [
      "a mount that Vault does not have",
      /Vault at http:\S+ has no mount "secrets" .* "vault secrets enable -path=secrets kv-v2"/,
      [[], { mount: "secrets" }],
    ],
  ];
  for (const [what, expected, declaration] of declarations)
    it(`refuses ${what}`, async () => {
      declare(...declaration);
      await refused(expected);
    });

  it("does nothing for a --target that names no secret: pulumi does not check globs", async () => {
    declare();
    const before = await world.vaultVersions();
    world.sandbox.simulators.effects.clear();
    const run = await succeeded(world.up({ program: "declared", args: ["--target", "**::visapi/A_SECRETS/**"] }));
    assert.deepEqual([run.steps, world.sandbox.simulators.effects.lines()], [[], []]);
    assert.deepEqual(await world.vaultVersions(), before);
  });

  it("refuses an interval beyond what the class allows", async () => {
    declare(other({ intervalDays: 400 }));
    await refused(
      /visapi\/C_SECRET\/schedule: .*intervalDays is 400 and may be at most 90 for class HIGH: type 90 or less/s,
      { args: ["--policy-pack", join(repository, "policies")] },
    );
  });

  const environments: [what: string, expected: RegExp, env: Record<string, string>, kinds?: string[]][] = [
    [
      "a malformed service id",
      /The id of the Render service "api" is "srv-visapi", which is not such an id; it looks like srv-/,
      { RENDER_SERVICE_ID: "srv-visapi" },
    ],
    [
      "a malformed project id",
      /The id of the Vercel project "frontend" is "visapi-frontend", .* it looks like prj_/,
      { VERCEL_PROJECT_ID: "visapi-frontend" },
      ["vercel"],
    ],
    [
      "a service that Render does not have",
      /Render answered 404 to: look up service srv-00000000000000000000\. Check the id/,
      { RENDER_SERVICE_ID: "srv-00000000000000000000" },
    ],
    [
      "missing tokens",
      /The Vault token is missing\. Set VAULT_TOKEN.*GitHub token is missing\. Set GITHUB_TOKEN.*Render API key is missing.*RENDER_API_KEY.*Vercel token is missing.*VERCEL_API_TOKEN/s,
      { VAULT_TOKEN: "", GITHUB_TOKEN: "", RENDER_API_KEY: "", VERCEL_API_TOKEN: "" },
      ["render", "vercel"],
    ],
    [
      "wrong tokens",
      /Vault answered 403 .*VAULT_TOKEN.*GitHub answered 401 .*GITHUB_TOKEN.*Render answered 401 .*RENDER_API_KEY.*Vercel answered 403 .*VERCEL_API_TOKEN/s,
      {
        VAULT_TOKEN: "hvs.wrong-one",
        GITHUB_TOKEN: "ghp_wrong",
        RENDER_API_KEY: "rnd_wrong",
        VERCEL_API_TOKEN: "wrong",
      },
      ["render", "vercel"],
    ],
    [
      "a Vault that does not answer",
      /Vault at http:\S+ gave no answer \(ECONNREFUSED\) to: tell its state\. Check/,
      {
        VAULT_ADDR: "http://127.0.0.1:2",
        ROTATION_PATIENCE_SECONDS: "2",
      },
    ],
    [
      "a time that is none",
      /rotation:now is "tomorrow", which is no date; write it like 2026-01-31T02:00:00Z/,
      {
        ROTATION_NOW: "tomorrow",
        // It would say the same, before the program does.
        PULUMI_OPTION_POLICY_PACK: "",
      },
    ],
  ];
  for (const [what, expected, env, kinds = ["render"]] of environments)
    it(`refuses ${what}`, async () => {
      declare(other({ destinations: ["vault", ...kinds] }));
      await refused(expected, { env });
    });

  it("refuses a sealed Vault", async () => {
    declare();
    const before = await world.vaultVersions();
    await world.sandbox.vault.seal();
    try {
      world.sandbox.simulators.effects.clear();
      const run = await world.up({ program: "declared" });
      assert.equal(run.errors.length, 1, run.output);
      assert.match(run.errors[0] ?? "", /Vault at http:\S+ is sealed\. Unseal it with "vault operator unseal"/);
      assert.deepEqual(world.sandbox.simulators.effects.lines(), []);
    } finally {
      await world.sandbox.vault.unseal();
    }
    assert.deepEqual(await world.vaultVersions(), before);
  });

  it("refuses a clock that was set back", async () => {
    declare();
    await refused(/the clock was set back: it is 2027-03-\S+, and the last rotation is remembered for 2027-/, {
      now: "2027-03-20T03:00:00Z",
    });
  });

  it("rotates once, with the input put right, what was due all the time", async () => {
    declare();
    const before = await world.vaultVersions();
    await succeeded(world.up({ program: "declared" }));
    const once = Object.fromEntries(Object.entries(before).map(([name, version]) => [name, version + 1]));
    assert.deepEqual(await world.vaultVersions(), once);
    const idle = await succeeded(world.up({ program: "declared" }));
    assert.deepEqual(idle.steps, []);
  });
});
