// Vault KV v2, the system of record: written first, so that a value exists there before anyone uses it.
import * as pulumi from "@pulumi/pulumi";
import { SecretV2 } from "@pulumi/vault/kv/secretV2.js";
import { managedBy } from "../../provider/backup.ts";
import type { Destination } from "./destination.ts";

export interface VaultArgs {
  /** The mount of a KV v2 engine. @default "secret" */
  mount?: string;
  /** The path below the mount. @default `<application>/<secret>` */
  path?: string;
  /** The fields, where consumers expect others than `value`: `{ username, password }` of a login. */
  fields?: (current: pulumi.Output<string>) => Record<string, pulumi.Input<string>>;
}

/**
 * One KV v2 entry of its own, with the fields `value` (or those that are asked for) and `generation`, so that each
 * version tells which one it is and can be brought back; generation and window are its custom metadata too. All fields
 * are written as one version.
 */
export function vaultKv({ mount = "secret", path, fields = (value) => ({ value }) }: VaultArgs = {}): Destination {
  return {
    label: `vault:${mount}`,
    first: true,
    health: [],
    proofs: () => [],
    entries: (application, secret) => [{ mount, path: path ?? `${application}/${secret}` }],
    deliver: ({ application, secret, current, generation, window, part, options }) => {
      const entry = new SecretV2(
        part("vault"),
        {
          mount,
          name: path ?? `${application}/${secret}`,
          dataJson: pulumi.secret(pulumi.jsonStringify({ ...fields(current), generation })),
          customMetadata: {
            data: { generation: pulumi.interpolate`${generation}`, window, "managed-by": managedBy },
          },
        },
        options,
      );
      return { resources: [entry] };
    },
  };
}
