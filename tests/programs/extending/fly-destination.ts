// components/destinations/fly.ts
import * as pulumi from "@pulumi/pulumi";
import type { Destination } from "../../../components/destinations/destination.ts";

// provider/sdk.ts
class FlySecret extends pulumi.CustomResource {
  constructor(
    name: string,
    args: { app: string; key: string; value: pulumi.Input<string> },
    opts: pulumi.CustomResourceOptions,
  ) {
    super("rotation:fly:Secret", name, { ...args, value: pulumi.secret(args.value) }, opts);
  }
}

/** With an overlap, `<key>_PREVIOUS` holds the previous value. Fly restarts the app's machines by itself. */
export function flyApp(app: string, proofUrl: string, instances: number): Destination {
  return {
    label: `fly:${app}`,
    health: [],
    proofs: (secret, acceptsPrevious) => [
      { consumer: app, url: `${proofUrl}/${secret}`, variable: secret, instances, acceptsPrevious },
    ],
    deliver: ({ secret, current, previous, overlaps, part, options }) => ({
      resources: [
        // The previous value first: nobody is left without the one that is in use.
        ...(overlaps
          ? [new FlySecret(part("fly-previous"), { app, key: `${secret}_PREVIOUS`, value: previous }, options)]
          : []),
        new FlySecret(part("fly"), { app, key: secret, value: current }, options),
      ],
    }),
  };
}
