// Every destination holds the value; what somebody changes there behind our back is found by a refresh and put right.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { sealBox } from "../../sandbox/simulators/index.ts";
import { World, type Run } from "../support/world.ts";

const secrets = [
  { name: "JWT_SECRET", destinations: ["vault", "render", "github", "github@production"] },
  { name: "CRON_SECRET", class: "MEDIUM", destinations: ["vault", "render", "vercel"] },
];

describe("destinations on the real engine", () => {
  let world: World;
  before(async function () {
    this.timeout(1_800_000);
    world = await World.start();
    world.program = "declared";
    world.configure({ "secret-rotation:declared": { secrets } });
  });
  after(async () => world.stop());

  const service = (): string => world.sandbox.env["RENDER_SERVICE_ID"] ?? "";
  const project = (): string => world.sandbox.env["VERCEL_PROJECT_ID"] ?? "";
  const github = (environment?: string): string | undefined =>
    world.sandbox.simulators.github.secretValue("visanet", "visapi", "JWT_SECRET", environment);

  async function everywhere(): Promise<{ jwt: string; cron: string }> {
    const { render, vercel } = world.sandbox.simulators;
    const jwt = (await world.vaultField("visapi/JWT_SECRET", "value")) ?? "";
    const cron = (await world.vaultField("visapi/CRON_SECRET", "value")) ?? "";
    assert.match(jwt, /^[0-9a-f]{64}$/);
    const held = {
      render: render.envVar(service(), "JWT_SECRET"),
      repository: github(),
      environment: github("production"),
    };
    assert.deepEqual(held, { render: jwt, repository: jwt, environment: jwt });
    const crons = [render.envVar(service(), "CRON_SECRET"), vercel.envVar(project(), "CRON_SECRET")];
    assert.deepEqual(crons, [cron, cron]);
    return { jwt, cron };
  }

  async function succeeded(run: Promise<Run>): Promise<Run> {
    const ran = await run;
    assert.equal(ran.code, 0, ran.output);
    return ran;
  }

  /** Sets the repository's secret, or that of an environment, as somebody with the rights would. */
  async function setGithub(value: string, environment?: string): Promise<void> {
    const { GITHUB_BASE_URL: base, GITHUB_TOKEN: token } = world.sandbox.env;
    const root = `${base}api/v3/repos/visanet/visapi/${environment ? `environments/${environment}` : "actions"}/secrets`;
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const { key_id, key } = (await (await fetch(`${root}/public-key`, { headers })).json()) as {
      key_id: string;
      key: string;
    };
    const body = JSON.stringify({ key_id, encrypted_value: sealBox(value, key) });
    const answer = await fetch(`${root}/JWT_SECRET`, { method: "PUT", headers, body });
    assert.ok(answer.ok, `GitHub answered ${answer.status}`);
  }

  it("hands a value out to Vault, Render, Vercel, a repository and one of its environments", async () => {
    await succeeded(world.up());
    await everywhere();
  });

  it("rotates it in all of them", async () => {
    const old = await everywhere();
    world.now = world.later(31);
    await succeeded(world.up());
    const now = await everywhere();
    assert.notEqual(now.jwt, old.jwt);
    assert.notEqual(now.cron, old.cron);
  });

  it("finds by a refresh what was changed behind our back, and puts the same value there again", async () => {
    const before = await everywhere();
    const generation = (await world.inventory("inventory")).get("JWT_SECRET")?.generation;
    // GitHub tells the time of a change in whole seconds, and nothing else about it.
    await sleep(1100);
    await setGithub("changed-by-somebody");
    await setGithub("changed-by-somebody", "production");
    await world.setRenderVariable("JWT_SECRET", "changed-by-somebody");
    const { VERCEL_API_URL: url, VERCEL_API_TOKEN: token } = world.sandbox.env;
    const headers = { authorization: `Bearer ${token}` };
    const listed = await fetch(`${url}/v10/projects/${project()}/env`, { headers });
    const { envs } = (await listed.json()) as { envs: { id: string; key: string }[] };
    const id = envs.find(({ key }) => key === "CRON_SECRET")?.id ?? "";
    const removed = await fetch(`${url}/v9/projects/${project()}/env/${id}`, { method: "DELETE", headers });
    assert.ok(removed.ok);
    assert.equal(world.sandbox.simulators.vercel.envVar(project(), "CRON_SECRET"), undefined);

    const blind = await succeeded(world.up());
    assert.deepEqual(blind.steps, [], "without a refresh nobody asks the vendors");
    const refresh = await succeeded(world.refresh());
    assert.ok(!(refresh.output + refresh.events).includes("changed-by-somebody"), "what is there is a secret too");
    const mended = await succeeded(world.up());
    assert.deepEqual(await everywhere(), before);
    assert.ok(
      !mended.steps.some(({ name }) => name.endsWith("/value") || name.endsWith("/clock")),
      "nothing is rotated",
    );
    const rows = await world.inventory("inventory");
    assert.equal(rows.get("JWT_SECRET")?.generation, generation);
    assert.deepEqual(rows.get("CRON_SECRET")?.consumers, ["api 2/2", "frontend 1/1"]);
    const idle = await succeeded(world.up());
    assert.deepEqual(idle.steps, []);
  });
});
