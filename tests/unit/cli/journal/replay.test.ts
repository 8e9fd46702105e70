// The state that a journal leads to, entry by entry.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { kinds, type Entry, type Resource, type Typed } from "../../../../cli/journal/entries.ts";
import { replay } from "../../../../cli/journal/replay.ts";

const now = new Date("2027-03-01T03:00:00Z");
const stack = "urn:pulumi:app::rotation::pulumi:pulumi:Stack::rotation-app";
const urn = (name: string, types = "rotation:index:Schedule"): string => `urn:pulumi:app::rotation::${types}::${name}`;
const resource = (name: string, more: Partial<Resource> = {}): Resource => ({
  ...{ urn: urn(name), type: "rotation:index:Schedule", parent: stack, inputs: {}, outputs: { n: 1 } },
  ...more,
});
const root: Resource = { urn: stack, type: "pulumi:pulumi:Stack" };
const before = (...resources: Resource[]): Typed => ({
  version: 3,
  deployment: { resources, secrets_providers: { type: "passphrase", state: { salt: "v1:x" } }, metadata: {} },
});

let sequence = 0;
function entry(kind: keyof typeof kinds, operationID: number, more: Partial<Entry> = {}): Entry {
  return { version: 1, kind: kinds[kind], sequenceID: ++sequence, operationID, ...more };
}
function begun(operationID: number, of: Resource, type = "updating"): Entry {
  return entry("begin", operationID, { operation: { resource: of, type } });
}
function after(base: Typed | undefined, ...entries: Entry[]): Resource[] {
  return replay(base, entries, "3.259.0", now).deployment.resources ?? [];
}

describe("the state that a journal leads to", () => {
  const [a, b] = [resource("a"), resource("b")];

  it("is the state before, of another time, when nothing was said", () => {
    const base = before(root, a, b);
    const { version, features, deployment } = replay(base, [], "3.259.0", now);
    assert.deepEqual([version, features, deployment.resources], [3, undefined, [root, a, b]]);
    const magic = createHash("sha256").update("3.259.0").digest("hex");
    assert.deepEqual(deployment.manifest, { time: now.toISOString(), magic, version: "3.259.0" });
    assert.deepEqual(deployment.secrets_providers, base.deployment.secrets_providers);
  });

  it("holds what was made before what is left, so that everything is behind what it depends on", () => {
    const changed = resource("a", { outputs: { n: 2 } });
    const made = resource("c");
    const entries = [
      begun(1, changed),
      entry("success", 1, { removeOld: 1, state: changed }),
      begun(2, made, "creating"),
      entry("success", 2, { state: made }),
    ];
    assert.deepEqual(after(before(root, a, b), ...entries), [changed, made, root, b]);
    const apart = [entries[3], entries[1], entries[2], entries[0], entries[1]] as Entry[];
    assert.deepEqual(after(before(root, a, b), ...apart), [changed, made, root, b], "in any order, and twice");
  });

  it("remembers what was begun and never ended, and creations of runs before", () => {
    const old = { resource: resource("z"), type: "creating" };
    const base = before(root, a, b);
    base.deployment.pending_operations = [old, { resource: b, type: "updating" }];
    const { deployment } = replay(base, [begun(1, a), begun(2, b), entry("failure", 2, { state: b })], "3.259.0", now);
    assert.deepEqual(deployment.pending_operations, [{ resource: a, type: "updating" }, old]);
    assert.deepEqual(deployment.resources, [root, a, b]);
  });

  it("tells what is to be deleted, what was, and what is to come again", () => {
    const anew = resource("a", { outputs: { n: 2 } });
    const replaced = [begun(1, anew, "creating"), entry("success", 1, { state: anew, deleteOld: 1 })];
    assert.deepEqual(after(before(root, a, b), ...replaced), [anew, root, { ...a, delete: true }, b]);
    const gone = [...replaced, begun(2, a, "deleting"), entry("success", 2, { removeOld: 1 })];
    assert.deepEqual(after(before(root, a, b), ...gone), [anew, root, b]);
    const first = [begun(1, a, "deleting"), entry("success", 1, { pendingReplacementOld: 1 })];
    assert.deepEqual(after(before(root, a, b), ...first), [root, { ...a, pendingReplacement: true }, b]);
    const ownGone = [entry("success", 1, { state: anew }), entry("success", 2, { removeNew: 1 })];
    assert.deepEqual(after(before(root, b), ...ownGone), [root, b]);
    const marked = [entry("success", 1, { state: anew }), entry("success", 2, { deleteNew: 1 })];
    assert.deepEqual(after(before(root), ...marked), [{ ...anew, delete: true }, root]);
  });

  it("takes outputs that were registered later, of old and of new", () => {
    const [late, other] = [resource("a", { outputs: { n: 9 } }), resource("c", { outputs: { n: 8 } })];
    const made = [entry("success", 1, { state: resource("c") }), entry("outputs", 2, { state: other, removeNew: 1 })];
    assert.deepEqual(after(before(root, a), ...made, entry("outputs", 3, { state: late, removeOld: 1 })), [
      other,
      root,
      late,
    ]);
  });

  it("goes on from a state that was rebuilt or written anew", () => {
    const moved = [
      entry("write", 0, { newSnapshot: before(root, b).deployment }),
      entry("success", 1, { removeOld: 1, state: b }),
    ];
    assert.deepEqual(after(before(root, a, b), ...moved), [b, root]);
    const rebuilt = [
      entry("refreshSuccess", 1, { removeOld: 1 }),
      entry("rebuiltBaseState", 0),
      entry("success", 2, { removeOld: 0, state: root }),
      entry("success", 3, { removeOld: 1, state: resource("b", { outputs: { n: 5 } }) }),
    ];
    assert.deepEqual(after(before(root, a, b), ...rebuilt), [root, resource("b", { outputs: { n: 5 } })]);
  });

  it("leaves no reference to what a refresh found gone", () => {
    const bound = resource("b", { dependencies: [a.urn, stack], propertyDependencies: { x: [a.urn], y: [stack] } });
    const below = resource("c", { parent: a.urn });
    const [, b2, c2] = after(before(root, a, bound, below), entry("refreshSuccess", 1, { removeOld: 1 }));
    assert.deepEqual(b2, { ...bound, dependencies: [stack], propertyDependencies: { y: [stack] } });
    assert.equal(c2?.parent, undefined);
  });

  it("follows a resource to its new name", () => {
    const [old, moved] = [resource("old"), resource("new", { aliases: [urn("old")] })];
    const child = resource("d", {
      urn: urn("d", "t:i:Old$rotation:index:Schedule"),
      parent: urn("old"),
      dependencies: [urn("old")],
    });
    const [first, , last] = after(before(root, old, child), entry("success", 1, { removeOld: 1, state: moved }));
    assert.deepEqual(first, resource("new"));
    assert.deepEqual([last?.parent, last?.dependencies], [urn("new"), [urn("new")]]);
  });

  it("says what its readers have to understand", () => {
    const hooked = resource("a", { resourceHooks: { "before-create": ["h"] }, taint: true });
    const typed = replay(
      before(root),
      [entry("success", 1, { state: hooked, requiresByteString: true })],
      "3.259.0",
      now,
    );
    assert.deepEqual([typed.version, typed.features], [4, ["byteString", "hooks", "taint"]]);
  });

  it("of a stack that has no state yet takes its way of keeping secrets from the journal", () => {
    const provider = { type: "passphrase", state: { salt: "v1:y" } };
    const entries = [entry("secretsManager", 0, { secretsProvider: provider }), entry("success", 1, { state: root })];
    const { deployment } = replay(undefined, entries, "3.259.0", now);
    assert.deepEqual([deployment.secrets_providers, deployment.resources], [provider, [root]]);
  });

  it("is none where an entry is not known", () => {
    assert.throws(() => after(before(root), { ...entry("success", 1), kind: 77 }), /of kind 77, which is not known/);
    assert.throws(
      () => after(before(root), { ...entry("success", 1), version: 2 }),
      /has version 2, which is not known/,
    );
  });
});
