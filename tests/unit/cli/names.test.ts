import assert from "node:assert/strict";
import { UsageError } from "../../../cli/command.ts";
import { distance, nearest, resolve } from "../../../cli/names.ts";

const known = [
  "visapi/JWT_SECRET",
  "visapi/SESSION_SECRET",
  "visapi/SLACK_BOT_TOKEN",
  "crm/JWT_SECRET",
  "crm/DATABASE_URL",
];

describe("names on the command line", () => {
  it("takes full names, and a secret's own name where one application has it, in any case", () => {
    assert.deepEqual(resolve(["database_url", "visapi/jwt_secret", "crm/DATABASE_URL"], known), [
      "crm/DATABASE_URL",
      "visapi/JWT_SECRET",
    ]);
  });
  it("asks which one is meant when several applications have it", () => {
    assert.throws(
      () => resolve(["JWT_SECRET"], known),
      /several applications; say which: visapi\/JWT_SECRET, crm\/JWT_SECRET/,
    );
  });
  it("lists the nearest names for a typo, and says that nothing was changed", () => {
    assert.throws(
      () => resolve(["SESION_SECRET"], known),
      (error: Error) =>
        error instanceof UsageError && /Did you mean visapi\/SESSION_SECRET\? Nothing was changed/.test(error.message),
    );
  });
  it("lists all of them when none is near", () => {
    assert.throws(
      () => resolve(["STRIPE_KEY_QUITE_ANOTHER"], known),
      /there are visapi\/JWT_SECRET, visapi\/SESSION_SECRET/,
    );
  });
  it("says how to begin when there are none", () => {
    assert.throws(() => resolve(["X"], []), /the stack has none yet/);
  });
  it("finds swapped letters and parts of names", () => {
    assert.equal(distance("JWT", "JTW"), 1);
    assert.equal(distance("abc", ""), 3);
    assert.deepEqual(nearest("slack", known), ["visapi/SLACK_BOT_TOKEN"]);
  });
});
