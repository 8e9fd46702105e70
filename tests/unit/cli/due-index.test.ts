// The index against a state on disk: used only when nothing at all has changed, and it can only cost time.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { nothingDue, remember } from "../../../cli/due-index.ts";

describe("the index of what is due", () => {
  const now = new Date("2027-03-01T03:00:00Z");
  const later = (hours: number): Date => new Date(now.getTime() + hours * 3_600_000);
  let dir: string;
  let env: Record<string, string>;
  const at = (...path: string[]): string => join(dir, "state", ".pulumi", ...path);
  const stateFile = (): string => at("stacks", "secret-rotation", "app.json");
  const indexFile = (): string => at("secret-rotation", "secret-rotation", "app.json");
  const writeState = (retireAt: string): void =>
    writeFileSync(
      stateFile(),
      JSON.stringify({
        version: 3,
        checkpoint: {
          latest: {
            resources: [
              {
                urn: "urn:pulumi:app::secret-rotation::rotation:index:Overlap::app/A/overlap",
                type: "rotation:index:Overlap",
                outputs: { holds: true, retireAt },
              },
            ],
          },
        },
      }),
    );

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "due-index-"));
    mkdirSync(at("stacks", "secret-rotation"), { recursive: true });
    writeFileSync(join(dir, "Pulumi.app.yaml"), "config: {}\n");
    env = {
      PULUMI_BACKEND_URL: `file://${join(dir, "state")}?metadata=skip`,
      PULUMI_OPTION_CONFIG_FILE: join(dir, "Pulumi.other.yaml"),
      ROTATION_FINGERPRINT_KEY: "k",
      RENDER_API_URL: "http://127.0.0.1:1",
    };
    writeState(later(10).toISOString());
    await remember(env, "app", now);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("spares the engine until the first thing is due, and no longer", async () => {
    assert.ok(await nothingDue(env, "app", now));
    assert.ok(await nothingDue(env, "app", later(9.9)));
    assert.equal(await nothingDue(env, "app", later(10)), undefined);
    assert.equal(await nothingDue(env, "app", later(2000)), undefined);
  });

  it("is not believed when the state, the configuration or the surroundings are others", async () => {
    const changes: Record<string, () => Record<string, string>> = {
      state: () => (writeState(later(11).toISOString()), env),
      configuration: () => (writeFileSync(join(dir, "Pulumi.app.yaml"), "config: {a: 1}\n"), env),
      "an endpoint": () => ({ ...env, RENDER_API_URL: "http://127.0.0.1:2" }),
      "another backend": () => ({ ...env, PULUMI_BACKEND_URL: "s3://bucket" }),
      "another stack": () => env,
    };
    for (const [what, change] of Object.entries(changes)) {
      assert.ok(await nothingDue(env, "app", now), what);
      assert.equal(await nothingDue(change(), what === "another stack" ? "other" : "app", now), undefined, what);
      writeState(later(10).toISOString());
      writeFileSync(join(dir, "Pulumi.app.yaml"), "config: {}\n");
      await remember(env, "app", now);
    }
  });

  it("does not mind another run's token, number or time", async () => {
    const run = {
      VAULT_TOKEN: "other",
      ROTATION_RUN_ID: "2",
      GITHUB_RUN_ID: "7",
      ROTATION_NOW: later(1).toISOString(),
    };
    assert.ok(await nothingDue({ ...env, ...run }, "app", later(1)));
  });

  it("is not believed when the clock went back, or when a run holds the stack", async () => {
    assert.equal(await nothingDue(env, "app", later(-1)), undefined);
    mkdirSync(at("locks", "organization", "secret-rotation", "app"), { recursive: true });
    assert.ok(await nothingDue(env, "app", now));
    writeFileSync(at("locks", "organization", "secret-rotation", "app", "1.json"), "{}");
    assert.equal(await nothingDue(env, "app", now), undefined);
  });

  it("costs time alone when it is broken, of another version or gone", async () => {
    const good = readFileSync(indexFile(), "utf8");
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      good.slice(0, -20),
      good.replace('"version":1', '"version":2'),
      "\0\0\0",
    ]) {
      writeFileSync(indexFile(), text);
      assert.equal(await nothingDue(env, "app", now), undefined, text);
    }
    writeFileSync(indexFile(), good.replace(/"wakeAt":"[^"]*"/, '"wakeAt":"soon"'));
    assert.equal(await nothingDue(env, "app", now), undefined, "no date");
    rmSync(indexFile());
    assert.equal(await nothingDue(env, "app", now), undefined, "gone");
  });

  it("is forgotten once more is to be done, and holds no value of the environment", async () => {
    assert.doesNotMatch(readFileSync(indexFile(), "utf8"), /127\.0\.0\.1/);
    writeState(later(-1).toISOString());
    await remember(env, "app", now);
    assert.equal(await nothingDue(env, "app", now), undefined);
    assert.throws(() => readFileSync(indexFile()));
  });

  it("reads compressed states, and leaves two of them to Pulumi", async () => {
    const text = readFileSync(stateFile());
    writeFileSync(`${stateFile()}.gz`, gzipSync(text));
    assert.equal(await nothingDue(env, "app", now), undefined, "two states");
    rmSync(stateFile());
    await remember(env, "app", now);
    assert.ok(await nothingDue(env, "app", now));
  });
});
