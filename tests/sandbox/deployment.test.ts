// A deployment with a new secret, as the consumer's users see it: nobody is signed out and no request fails.
import assert from "node:assert/strict";
import { proofOf } from "../../sandbox/consumers/proof.ts";
import { Sandbox } from "../../sandbox/sandbox.ts";
import { waitFor } from "../../sandbox/servers/wait.ts";
import { buildTimeoutMs, discard, newDir, toolchain } from "./support.ts";

const challenge = "c0de".repeat(16);

describe("a deployment with a new JWT_SECRET", function () {
  this.timeout(60_000);
  const dir = newDir();
  let sandbox: Sandbox;
  before(async function () {
    this.timeout(buildTimeoutMs);
    sandbox = await Sandbox.start({ dir, toolchain: await toolchain(), limitScale: 60 });
  });
  after(async () => {
    await sandbox?.stop();
    await discard(dir);
  });

  const render = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const { RENDER_API_URL, RENDER_API_KEY, RENDER_SERVICE_ID } = sandbox.env;
    const response = await fetch(`${RENDER_API_URL}/services/${RENDER_SERVICE_ID}${path}`, {
      method,
      headers: { authorization: `Bearer ${RENDER_API_KEY}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const deploy = async (): Promise<void> => {
    const { id } = await render("POST", "/deploys", { clearCache: "do_not_clear" });
    await waitFor(async () => (await render("GET", `/deploys/${String(id)}`)).status === "live", {
      what: "the deploy to be live",
      timeoutMs: 30_000,
    });
  };
  const me = async (token: string): Promise<string> => {
    const response = await fetch(`${sandbox.env.VISAPI_API_URL}/api/v1/me`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return response.ok ? ((await response.json()) as { secret: string }).secret : String(response.status);
  };
  const signIn = async (): Promise<string> => {
    const response = await fetch(`${sandbox.env.VISAPI_API_URL}/api/auth/signin`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "ada@visanet.app" }),
    });
    return ((await response.json()) as { token: string }).token;
  };
  const proof = async (): Promise<{ proof: string; previous: boolean }> => {
    const path = `/api/v1/healthz/secrets/JWT_SECRET?challenge=${challenge}`;
    return (await (await fetch(sandbox.env.VISAPI_API_URL + path)).json()) as { proof: string; previous: boolean };
  };

  it("keeps the signed-in signed in, and answers every request while instances are replaced", async () => {
    const old = sandbox.secrets.jwtSecret;
    const token = await signIn();
    assert.equal(await me(token), "current");

    const answers = new Map<string, number>();
    let deploying = true;
    const user = async (): Promise<void> => {
      while (deploying) {
        const answer = await me(token).catch((error: Error) => error.message);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    };
    const users = [user(), user(), user()];
    try {
      await render("PUT", "/env-vars/JWT_SECRET_PREVIOUS", { value: old });
      await render("PUT", "/env-vars/JWT_SECRET", { value: "the-new-value" });
      assert.equal((await proof()).proof, proofOf("JWT_SECRET", old, challenge), "nothing changes before the deploy");
      await deploy();
    } finally {
      deploying = false;
      await Promise.all(users);
    }
    assert.deepEqual([...answers.keys()].sort(), ["current", "previous"]);
    const { proof: shown, previous } = await proof();
    assert.deepEqual([shown, previous], [proofOf("JWT_SECRET", "the-new-value", challenge), true]);
    assert.equal(await me(await signIn()), "current");
  });

  it("signs them out once the previous value is taken away", async () => {
    await render("PUT", "/env-vars/JWT_SECRET", { value: "a-newer-value" });
    await render("PUT", "/env-vars/JWT_SECRET_PREVIOUS", { value: "the-new-value" });
    await deploy();
    const token = await signIn();
    await render("PUT", "/env-vars/JWT_SECRET", { value: "the-newest-value" });
    await render("PUT", "/env-vars/JWT_SECRET_PREVIOUS", { value: "" });
    await deploy();
    assert.equal(await me(token), "401");
    assert.equal((await proof()).previous, false);
  });
});
