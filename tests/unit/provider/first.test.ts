// What is asked of Vault before a secret is made for the first time.
import assert from "node:assert/strict";
import { schedule } from "../../../provider/resources/schedule.ts";
import type { KvMetadata } from "../../../provider/vendors/vault.ts";

const version = (state: "readable" | "deleted" | "destroyed"): KvMetadata["versions"][0] => ({ version: 3, state });
const entry = (
  custom: Record<string, string>,
  state: "readable" | "deleted" | "destroyed" = "readable",
): KvMetadata => ({
  currentVersion: 3,
  maxVersions: 10,
  custom,
  versions: [version(state)],
});
const ours = { "managed-by": "secret-rotation", generation: "2" };

describe("the look before a secret is made", () => {
  const inputs = {
    secret: "visapi/JWT_SECRET",
    place: { mount: "secret", path: "visapi/JWT_SECRET" },
  };
  async function made(found: KvMetadata | undefined, more: object = {}, preview = false): Promise<string> {
    const vault = { metadata: () => Promise.resolve(found) };
    const call = { urn: "urn", name: "name", log: { info: () => undefined, warn: () => undefined }, preview };
    const resource = schedule(
      () => new Date(),
      () => vault,
    );
    const { id } =
      (await resource.create?.({ ...call, inputs: { ...inputs, ...more } } as never)) ?? assert.fail("no create");
    return id;
  }

  it("refuses to make anew what Vault holds a generation of, says which, and what to type", async () => {
    await assert.rejects(made(entry(ours)), (error: Error) => {
      assert.match(error.message, /visapi\/JWT_SECRET is not made anew: .* holds its generation 2,/);
      assert.match(error.message, /rotate adopt JWT_SECRET --from-vault/);
      assert.match(error.message, /vault kv metadata delete -mount=secret visapi\/JWT_SECRET$/);
      return true;
    });
  });

  it("lets pass what is taken over, a preview, entries of others, and those that are gone", async () => {
    for (const done of [
      made(entry(ours), { adopted: "2027-01-01" }),
      made(entry(ours), {}, true),
      made(entry({})),
      made(entry({ "managed-by": "somebody" })),
      made(entry(ours, "deleted")),
      made(entry(ours, "destroyed")),
      made(undefined),
      made(entry(ours), { place: undefined }),
    ])
      assert.equal(await done, "visapi/JWT_SECRET");
  });
});
