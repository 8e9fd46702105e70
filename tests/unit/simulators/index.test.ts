import assert from "node:assert/strict";
import { sealBox, startSimulators } from "../../../sandbox/simulators/index.ts";
import { caller, str, tinyConsumer } from "./support.ts";

describe("simulators: all together", () => {
  it("writes the effects of all vendors into one ordered log", async () => {
    const { launch } = tinyConsumer();
    const all = await startSimulators({
      controlToken: "control",
      github: { token: "gh", repositories: [{ owner: "visanet", name: "visapi" }] },
      render: { apiKey: "rnd", buildMs: 10, services: [{ id: "srv-a", name: "api", launch }] },
      vercel: { token: "vc", buildMs: 10, projects: [{ id: "prj_a", name: "web", launch }] },
    });
    try {
      all.effects.clear();
      const { GITHUB_BASE_URL, RENDER_API_URL, VERCEL_API_URL, SLACK_WEBHOOK_URL } = all.endpoints;
      const github = caller(`${GITHUB_BASE_URL}api/v3/repos/visanet/visapi/actions/secrets`, "gh");
      const variable = { key: "JWT", value: "v", type: "sensitive", target: ["production"] };
      await caller(SLACK_WEBHOOK_URL)("POST", "", { text: "begins" });
      await caller(RENDER_API_URL, "rnd")("PUT", "/services/srv-a/env-vars/JWT", { value: "v" });
      await caller(VERCEL_API_URL, "vc")("POST", "/v10/projects/prj_a/env?upsert=true", variable);
      const { key, key_id } = (await github("GET", "/public-key")).body;
      await github("PUT", "/JWT", { key_id, encrypted_value: sealBox("v", str(key)) });
      await caller(RENDER_API_URL, "rnd")("POST", "/services/srv-a/deploys");
      await all.effects.waitFor(({ kind }) => kind === "deploy.live");
      const kinds = all.effects.list().map(({ vendor, kind }) => `${vendor} ${kind}`);
      assert.deepEqual(kinds.slice(0, 5), [
        "slack message.post",
        "render env-var.put",
        "vercel env-var.put",
        "github secret.put",
        "render deploy.create",
      ]);
      assert.deepEqual(kinds.slice(5, 8), ["render instance.start", "render instance.start", "render deploy.live"]);
      assert.deepEqual(all.effects.list("slack").length, 1);
    } finally {
      await all.stop();
    }
  });

  it("stops the others where one cannot start", async () => {
    const { launch } = tinyConsumer();
    const taken = await startSimulators(optionsAt(0));
    try {
      await assert.rejects(startSimulators(optionsAt(taken.github.port)), /EADDRINUSE/);
    } finally {
      await taken.stop();
    }
    function optionsAt(port: number) {
      return {
        github: { port, token: "gh", repositories: [{ owner: "o", name: "r" }] },
        render: { apiKey: "rnd", buildMs: 1, services: [{ id: "srv-a", name: "api", launch }] },
        vercel: { token: "vc", buildMs: 1, projects: [] },
      };
    }
  });
});
