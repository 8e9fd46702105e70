// A pull request that prints a value, or makes one plain, does not pass the check "test": lint refuses it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ESLint } from "eslint";

const root = join(import.meta.dirname, "..", "..", "..");

describe("lint", function () {
  this.timeout(60_000);
  const eslint = new ESLint({
    cwd: root,
    // The rule needs no types, and the text is in no project.
    overrideConfig: { languageOptions: { parserOptions: { projectService: false, project: null } } },
    ruleFilter: ({ ruleId }) => ruleId === "no-restricted-syntax",
  });
  const said = async (file: string, code: string): Promise<string[]> => {
    const [result] = await eslint.lintText(code, { filePath: join(root, file) });
    return result?.messages.map(({ message }) => message) ?? [];
  };

  for (const code of [
    "secret.apply((value) => console.log(value));",
    "secret.apply((value) => process.stdout.write(value));",
    "export const token = pulumi.unsecret(secret);",
  ])
    it(`refuses ${code}`, async () => {
      for (const file of ["applications/visapi.ts", "repository/index.ts", "index.ts"]) {
        const messages = await said(file, code);
        assert.equal(messages.length, 1, messages.join("\n"));
        assert.match(messages[0] ?? "", /remove it, and show people the inventory|hand the secret output on as it is/);
      }
    });

  it("passes what hands a secret on", async () => {
    assert.deepEqual(await said("applications/visapi.ts", "destination.deliver(secret.apply((value) => value));"), []);
  });
});
