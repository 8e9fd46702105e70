import assert from "node:assert/strict";
import { githubRoot, namesAt, type Place } from "../../../provider/vendors/names.ts";

const canary = "CANARY-4711";

/** A vendor that answers by path, and the paths that were asked. */
function vendor(answer: (url: URL) => unknown) {
  const asked: string[] = [];
  const fetch = async (url: string): Promise<Response> => {
    const at = new URL(url);
    asked.push(at.pathname + at.search);
    return Response.json(answer(at));
  };
  const headers = { authorization: `Bearer ${canary}` };
  return { asked, at: { name: "Vendor", baseUrl: "https://vendor.test", headers, tokenName: "TOKEN", fetch } };
}

const many = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `KEY_${from + index}`);

describe("names at the vendors", () => {
  it("are read page by page at Render, and their values dropped", async () => {
    const { at, asked } = vendor(({ searchParams }) => {
      const second = searchParams.get("cursor") === "next";
      const keys = second ? ["LAST"] : many(100);
      return keys.map((key) => ({ envVar: { key, value: canary }, cursor: "next" }));
    });
    const names = await namesAt("render", at, "srv-1");
    assert.equal(names.length, 101);
    assert.deepEqual(asked, ["/services/srv-1/env-vars?limit=100", "/services/srv-1/env-vars?limit=100&cursor=next"]);
    assert.ok(!JSON.stringify(names).includes(canary));
  });

  it("are told once each at Vercel, within the team", async () => {
    const envs = ["A", "B", "A"].map((key) => ({ key, value: canary, target: ["production"] }));
    const { at, asked } = vendor(() => ({ envs }));
    assert.deepEqual(await namesAt("vercel", at, "prj_1?teamId=team_1"), ["A", "B"]);
    assert.deepEqual(asked, ["/v10/projects/prj_1/env?teamId=team_1"]);
  });

  it("are read page by page at GitHub", async () => {
    const { at, asked } = vendor(({ searchParams }) => ({
      secrets: (searchParams.get("page") === "1" ? many(100) : many(3, 100)).map((name) => ({ name })),
    }));
    assert.equal((await namesAt("github", at, "acme/web")).length, 103);
    assert.equal(asked.length, 2);
  });

  it("fail with the call and the vendor, never with the token", async () => {
    for (const place of ["render", "vercel", "github"] satisfies Place[]) {
      const { at } = vendor(() => null);
      const refused = { ...at, fetch: async () => Response.json({ message: canary }, { status: 403 }) };
      await assert.rejects(namesAt(place, refused, "some/thing"), (error: Error) => {
        assert.match(error.message, /Vendor/);
        assert.match(error.message, /list (variables|secrets) of some\/thing/);
        assert.ok(!error.message.includes(canary), error.message);
        return true;
      });
    }
  });

  it("are below api/v3 on a GitHub Enterprise Server", () => {
    assert.equal(githubRoot("https://api.github.com/"), "https://api.github.com");
    assert.equal(githubRoot("https://git.example.com/"), "https://git.example.com/api/v3");
  });
});
