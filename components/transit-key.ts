// A key of Vault's transit engine: it never leaves Vault, and what it has encrypted lies in databases and in KV. A
// rotation adds a version, re-encrypts everything beside live writes, proves that nothing older is left, and after a
// grace period ends the older versions in a step of its own. Nothing has to stop for it.
import * as pulumi from "@pulumi/pulumi";
import { Reencryption, TransitMinimum, TransitRotation, type EncryptedArgs } from "../provider/sdk.ts";
import type { Application } from "./application.ts";
import type { Destination } from "./destinations/destination.ts";
import { RotatedSecret, type RotatedSecretArgs } from "./rotated-secret.ts";

/** A column of ciphertexts, `vault:v<N>:...`, of type text or varchar. */
export type EncryptedColumn = EncryptedArgs["tables"][number];
/** Fields of a KV v2 entry that hold ciphertexts. */
export type EncryptedEntry = EncryptedArgs["kv"][number];

export interface TransitKeyArgs extends Omit<RotatedSecretArgs, "destinations"> {
  /** The key's name in Vault; it must be there already. */
  key: string;
  /** The mount of the transit engine. @default "transit" */
  mount?: string;
  /** Every column that the key has encrypted: what is not named here is locked out once the minimum is raised. @default [] */
  tables?: EncryptedColumn[];
  /** PostgreSQL connection string of a login that may select and update these columns. Needed with `tables`. */
  databaseUrl?: pulumi.Input<string>;
  /** Every entry of Vault's KV with ciphertexts of the key. @default [] */
  kv?: EncryptedEntry[];
  /**
   * Hours after the re-encryption for which old versions still decrypt: longer than any backup that may come back as
   * it is, any queue, any cache that holds ciphertexts.
   */
  graceHours: number;
  /** Rows in one batch, 1 to 5000. @default 500 */
  batchSize?: number;
  /** Rows per second at most, so that the database has time for others. 0: as fast as it goes. @default 0 */
  rowsPerSecond?: number;
  /** URLs that answer 2xx while the application can encrypt and decrypt. @default [] */
  health?: string[];
}

export class TransitKey extends RotatedSecret {
  constructor(application: Application, secret: string, args: TransitKeyArgs) {
    const name = `${application.label}/${secret}`;
    const { tables = [], kv = [], health = [], mount = "transit", key } = args;
    validate(name, args);
    let rotation: TransitRotation | undefined;
    let reencryption: Reencryption | undefined;
    const encrypted = (version: pulumi.Input<number>) => ({
      ...{ secret: name, mount, key, version, tables, kv },
      databaseUrl: pulumi.output(args.databaseUrl ?? ""),
      batchSize: args.batchSize ?? 500,
      rowsPerSecond: args.rowsPerSecond ?? 0,
    });
    const everything: Destination = {
      label: [
        `transit:${key}`,
        ...tables.map(({ table, column }) => `${table}.${column}`),
        ...kv.map(({ mount, path }) => `vault:${mount}/${path}`),
      ].join(", "),
      first: true,
      health,
      proofs: () => [],
      deliver: ({ part, options }) => {
        if (!rotation) throw new Error("the key is rotated before anything is re-encrypted");
        reencryption = new Reencryption(part("reencryption"), encrypted(rotation.latestVersion), options);
        return { resources: [reencryption] };
      },
    };
    super(
      "TransitKey",
      application,
      secret,
      { ...args, destinations: [everything] },
      { handling: "transit", overlaps: false },
    );
    this.build(({ forced, keepers, options }) => {
      const about = { secret: name, mount, key, window: keepers.window, forced };
      rotation = new TransitRotation(this.part("version"), about, options);
      return {
        // There is no value outside of Vault; the version is what tells one key from the next.
        current: pulumi.secret(""),
        previous: pulumi.secret(""),
        generation: rotation.generation,
        fingerprint: pulumi.interpolate`v${rotation.latestVersion}`,
        holds: pulumi.output(false),
        retireAt: (verification) => {
          if (!reencryption) throw new Error("the minimum is raised after everything was re-encrypted");
          const terms = {
            graceHours: args.graceHours,
            atOnce: application.stack.forced[name]?.revoke ?? false,
          };
          const dependsOn = [reencryption, verification];
          const minimum = new TransitMinimum(
            this.part("minimum"),
            { ...encrypted(reencryption.version), ...terms },
            { parent: this, dependsOn },
          );
          return minimum.retireAt;
        },
      };
    });
  }
}

function validate(name: string, { tables = [], kv = [], databaseUrl, graceHours, key }: TransitKeyArgs): void {
  if (!/^[\w.-]+$/.test(key))
    throw new pulumi.RunError(
      `${name} names the transit key "${key}"; give its name in Vault, like "intelliflow-data"`,
    );
  if (!(graceHours >= 0))
    throw new pulumi.RunError(`${name} has a grace period of ${graceHours} hours; give 0 or more`);
  if (tables.length + kv.length === 0)
    throw new pulumi.RunError(
      `${name} names nothing that ${key} has encrypted; give tables or kv, or old versions could never end`,
    );
  if (tables.length && databaseUrl === undefined)
    throw new pulumi.RunError(`${name} has tables but no databaseUrl; give the connection string of their database`);
}
