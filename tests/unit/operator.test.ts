// The Stacks of the Pulumi Kubernetes Operator, one a part.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import yaml from "js-yaml";
import { stacks } from "../../deploy/operator/stacks.ts";

describe("the operator's manifests", () => {
  const pattern = readFileSync(fileURLToPath(new URL("../../deploy/operator/stacks.yaml", import.meta.url)), "utf8");

  it("have one Stack a part, which never destroys and holds no value", () => {
    const documents = stacks("visapi-production", 3, pattern)
      .split(/^---$/m)
      .map((text) => yaml.load(text) as { kind: string; metadata: { name: string }; spec?: Record<string, unknown> });
    const parts = documents.filter(({ kind }) => kind === "Stack");
    assert.deepEqual(
      parts.map(({ metadata }) => metadata.name),
      ["visapi-production-1", "visapi-production-2", "visapi-production-3"],
    );
    assert.deepEqual(
      documents.filter(({ kind }) => kind !== "Stack").map(({ kind }) => kind),
      ["Namespace", "ServiceAccount", "ClusterRoleBinding"],
    );
    for (const { metadata, spec = {} } of parts) {
      assert.equal(spec["stack"], metadata.name);
      assert.equal(spec["destroyOnFinalize"], false);
      const refs = spec["envRefs"] as Record<string, { type: string }>;
      for (const [name, { type }] of Object.entries(refs))
        if (/TOKEN|KEY|PASSPHRASE|WEBHOOK/.test(name)) assert.equal(type, "Secret", name);
    }
  });

  it("say what to type for a name or a number that cannot be", () => {
    assert.throws(() => stacks(undefined, 8, pattern), /stacks.ts visapi-production 8/);
    assert.throws(() => stacks("Visapi", 8, pattern), /The stack is "Visapi"/);
    assert.throws(() => stacks("visapi", 0, pattern), /The number of parts is 0/);
  });
});
