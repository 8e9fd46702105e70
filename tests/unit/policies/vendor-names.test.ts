import assert from "node:assert/strict";
import { vendorSecretsKnown } from "../../../policies/rules/vendor-names.ts";
import { types } from "../../../policies/rules/run.ts";
import { actionsSecret, destination, judgeStack, resource, unknown } from "./harness.ts";

const listed = (places: unknown, plain: unknown = []) => resource(types.vendorNames, "vendor-names", { places, plain });
const kept = [
  resource(destination, "shop/TOKEN/render-api", { serviceId: "srv-1", key: "TOKEN" }),
  resource("rotation:vercel:EnvVar", "shop/TOKEN/vercel", { projectId: "prj_1", key: "TOKEN" }),
  resource(actionsSecret, "shop/TOKEN/github", { repository: "shop", secretName: "token" }),
];
const judged = (declared: Parameters<typeof judgeStack>[1], config = {}, stack = "production") =>
  judgeStack(vendorSecretsKnown, declared, { stack, config });

describe("vendor-secrets-known", () => {
  it("passes what the stack keeps, what platforms set, and what is said to be no secret", async () => {
    const places = [
      { place: "render:srv-1", names: ["TOKEN", "PORT", "NODE_ENV", "REGION"] },
      { place: "vercel:prj_1", names: ["TOKEN", "NEXT_PUBLIC_URL"] },
      { place: "github:acme/shop", names: ["TOKEN"] },
    ];
    assert.deepEqual(await judged([...kept, listed(places, ["REGION"])]), []);
  });

  it("reports the rest by name and place, once for each place", async () => {
    const places = [
      { place: "render:srv-1", names: ["TOKEN", "OLD_KEY", "STRIPE_KEY"] },
      { place: "vercel:prj_1", names: ["OLD_KEY"] },
    ];
    assert.deepEqual(await judged([...kept, listed(places)]), [
      "render:srv-1 holds OLD_KEY, STRIPE_KEY, which no stack rotates: declare them, or list what is no secret under plainVariables",
      "vercel:prj_1 holds OLD_KEY, which no stack rotates: declare it, or list what is no secret under plainVariables",
    ]);
  });

  it("does not take a variable of one service for that of another", async () => {
    assert.equal((await judged([...kept, listed([{ place: "render:srv-2", names: ["TOKEN"] }])])).length, 1);
  });

  it("is for production alone, and reports without stopping", async () => {
    const declared = [listed([{ place: "render:srv-1", names: ["OLD_KEY"] }])];
    assert.deepEqual(await judged(declared, {}, "staging"), []);
    assert.equal(vendorSecretsKnown.level, "advisory");
  });

  it("says nothing of names that a preview does not know", async () => {
    assert.deepEqual(await judged([listed(unknown, unknown)]), []);
    assert.deepEqual(await judged([listed([{ place: "render:srv-1", names: unknown }])]), []);
    assert.deepEqual(await judged([listed([unknown])]), []);
  });

  it("takes names that are no secrets from the configuration, by place too", async () => {
    const declared = [listed([{ place: "render:srv-1", names: ["REGION", "FLAG_A"] }])];
    assert.deepEqual(await judged(declared, { except: ["FLAG_*", "render:srv-1/REGION"] }), []);
    assert.equal((await judged(declared, { except: ["render:srv-2/REGION", "FLAG_*"] })).length, 1);
  });
});
