// The examples of docs/extending.md, run: what stands there works as it is written.
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import fastify, { type FastifyInstance } from "fastify";
import { readStack } from "../../components/stack.ts";
import { Secret } from "../../provider/wire/values.ts";
import { acmeKey } from "../programs/extending/acme-key.ts";
import { AcmeSimulator } from "../programs/extending/acme-simulator.ts";
import { flyApp } from "../programs/extending/fly-destination.ts";
import { flySecret } from "../programs/extending/fly-secret.ts";
import { shop } from "../programs/extending/shop.ts";
import { family, issueOf, rotate } from "./credentials/vendors.ts";

const log = { info: () => undefined, warn: () => undefined };

describe("extending", () => {
  it("adds a vendor: its keys rotate against its simulator, and a killed run leaves one", async () => {
    const acme = await new AcmeSimulator({ keys: [{ name: "admin", token: "acme_admin" }] }).start();
    try {
      const headers = { authorization: "Bearer acme_admin" };
      const kind = acmeKey({ name: "Acme", baseUrl: acme.url, headers, tokenName: "ACME_ADMIN_KEY" });
      const first = await rotate(kind, {});
      const second = await rotate(kind, {}, 2);
      const about = { family, name: `${family}-g2`, before: `${family}-g1`, value: second.value };
      const known = { reference: second.reference, previous: first.reference };
      assert.deepEqual(await kind.recognise?.({}, about), known);
      await kind.revoke({}, first.reference);
      assert.deepEqual([await kind.valid({}, first.reference), await kind.valid({}, second.reference)], [false, true]);
      await assert.rejects(kind.prove({}, first), /use the key/);
      await kind.issue(issueOf({}, 3));
      await kind.issue(issueOf({}, 3));
      acme.faults.add({ kind: "lost-reply", match: { method: "POST", path: /keys/ } });
      await kind.issue(issueOf({}, 4));
      assert.deepEqual(acme.liveKeys, ["admin", `${family}-g2`, `${family}-g3`, `${family}-g4`]);
    } finally {
      await acme.stop();
    }
  });

  it("adds a destination: its resource writes, takes away, and refuses what is no name", async () => {
    const kept = new Map<string, string>();
    const server: FastifyInstance = fastify();
    server.put<{ Params: { key: string }; Body: { value: string } }>("/v1/apps/shop/secrets/:key", async (request) => {
      kept.set(request.params.key, request.body.value);
      return {};
    });
    server.delete<{ Params: { key: string } }>("/v1/apps/shop/secrets/:key", async (request, reply) =>
      kept.delete(request.params.key) ? {} : reply.code(404).send({}),
    );
    const baseUrl = await server.listen({ port: 0, host: "127.0.0.1" });
    try {
      const resource = flySecret({ name: "Fly", baseUrl, headers: {}, tokenName: "FLY_API_TOKEN" });
      const call = { urn: "urn", name: "shop/X/fly", log, preview: false, timeout: 0 };
      const inputs = { app: "shop", key: "X", value: new Secret("one") };
      const made = await resource.create({ ...call, inputs });
      assert.deepEqual([made.id, kept.get("X")], ["shop/X", "one"]);
      const next = { ...inputs, value: new Secret("two") };
      await resource.update?.({ ...call, id: made.id, inputs: next, oldInputs: inputs, oldOutputs: made.outputs });
      assert.equal(kept.get("X"), "two");
      const gone = { ...call, id: made.id, oldInputs: next, outputs: next };
      await resource.delete?.(gone);
      await resource.delete?.(gone);
      assert.equal(kept.has("X"), false);
      const bad = await resource.check?.({ ...call, inputs: { ...inputs, app: "Shop!" }, oldInputs: undefined });
      assert.match(bad?.failures?.[0]?.reason ?? "", /Shop!/);
    } finally {
      await server.close();
    }
  });

  it("adds a secret and hands it to a new destination, both values of an overlap", async () => {
    const made: { type: string; name: string; inputs: Record<string, unknown> }[] = [];
    await pulumi.runtime.setMocks(
      {
        newResource: ({ type, name, inputs }) => {
          made.push({ type, name, inputs: inputs as Record<string, unknown> });
          return { id: name, state: { ...(inputs as object), window: "2027-01-01T00:00:00Z", generation: 1 } };
        },
        call: () => ({}),
      },
      "secret-rotation",
      "sandbox",
    );
    shop(readStack(new pulumi.Config(), ["shop"]));
    const { resources } = flyApp("shop", "https://shop.example.com/healthz/secrets", 2).deliver({
      ...{ application: "shop", secret: "X", overlaps: true, options: {}, part: (name) => `shop/X/${name}` },
      current: pulumi.secret("new"),
      previous: pulumi.secret("old"),
      window: pulumi.output(""),
      generation: pulumi.output(1),
    });
    await pulumi.runtime.disconnect();
    assert.equal(resources.length, 2);
    const types = made.filter(({ name }) => name.startsWith("shop/COOKIE_SECRET/")).map(({ type }) => type);
    for (const type of [
      "rotation:index:Schedule",
      "random:index/randomPassword:RandomPassword",
      "rotation:render:EnvVar",
    ])
      assert.ok(types.includes(type), `${type} in ${types.join(", ")}`);
    const fly = made.filter(({ type }) => type === "rotation:fly:Secret").map(({ inputs }) => inputs["key"]);
    assert.deepEqual(fly.sort(), ["X", "X_PREVIOUS"]);
  });
});
