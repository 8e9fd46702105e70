// IntelliFlow through its first run and its rotations, by what its users, PostgreSQL, Vault and a verifier of tokens see.
import assert from "node:assert/strict";
import pg from "pg";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { IntelliflowLoad } from "../support/intelliflow-load.ts";
import { touched, World, type Run } from "../support/world.ts";

describe("IntelliFlow on the real engine", function () {
  this.timeout(600_000);
  let world: World;
  let [api, web, adminUrl] = ["", "", ""];

  const good = async (now: string, more: Parameters<World["up"]>[0] = {}): Promise<Run> => {
    const run = await world.up({ now, ...more });
    if (run.code !== 0) console.error(run.output);
    assert.equal(run.code, 0, run.errors.join("\n"));
    return run;
  };
  const database = (field: string): Promise<string> =>
    world.vaultField("intelliflow/database", field).then((text) => text ?? "");
  const connect = async (url: string, name = "worker"): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url, application_name: name });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const restarts = async (): Promise<number[]> => {
    const { client } = world.sandbox.kubernetes ?? assert.fail("no cluster");
    const counts = ["api", "web"].map(async (name) => {
      const { body } = await client.call("GET", `/apis/apps/v1/namespaces/intelliflow/deployments/${name}`);
      const { spec } = body as unknown as { spec: { template: { metadata: { annotations: Record<string, string> } } } };
      return Number(spec.template.metadata.annotations["secret-rotation/restart"] ?? 0);
    });
    return Promise.all(counts);
  };

  before(async function () {
    this.timeout(3_600_000);
    world = await World.start({ kubernetes: "intelliflow" });
    world.program = "intelliflow";
    const {
      INTELLIFLOW_API_URL = "",
      INTELLIFLOW_WEB_URL = "",
      INTELLIFLOW_DATABASE_ADMIN_URL = "",
    } = world.sandbox.env;
    [api, web, adminUrl] = [INTELLIFLOW_API_URL, INTELLIFLOW_WEB_URL, INTELLIFLOW_DATABASE_ADMIN_URL];
  });
  after(async () => world.stop());

  it("makes everything in its first run", async () => {
    const run = await good(world.now);
    const url = new URL(await database("url"));
    assert.equal(await database("username"), "intelliflow_a");
    assert.equal(decodeURIComponent(url.password), await database("password"));
    assert.deepEqual(await restarts(), [1, 1]);
    const rows = await world.inventory("intelliflow");
    assert.deepEqual(rows.get("DATABASE_URL")?.consumers, ["api 2/2", "web 2/2"]);
    assert.ok(run.seconds < 300);
    void [api, web, adminUrl, connect, waitFor, IntelliflowLoad, touched];
  });
});
