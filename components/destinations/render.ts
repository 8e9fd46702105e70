// A Render service: environment variables, and one deploy that hands them to its instances.
import type * as pulumi from "@pulumi/pulumi";
import { RenderDeploy, RenderEnvVar } from "../../provider/sdk.ts";
import { shaped } from "../stack.ts";
import type { Destination, Service } from "./destination.ts";

export interface RenderServiceArgs {
  /** As people call it: `api`. */
  label: string;
  /** `srv-` and 20 letters or digits. */
  id: string;
  /** Instances that must prove a new value. */
  instances: number;
  /** URLs that answer 2xx when the service is well. */
  health: string[];
  /** Where its instances answer challenges: the name of the variable is appended. Left out: it cannot prove. */
  proofUrl?: string;
  /** Seconds a deploy may take. @default 1800 */
  timeoutSeconds?: number;
}

export class RenderService implements Service {
  readonly label: string;
  readonly writes: pulumi.Resource[] = [];
  readonly args: RenderServiceArgs;
  constructor(args: RenderServiceArgs) {
    shaped(args.id, /^srv-[0-9a-z]{20}$/, `The id of the Render service "${args.label}"`, "srv-c9abcdefghij01234567");
    this.label = args.label;
    this.args = args;
  }

  rollOut(name: string, written: pulumi.Output<string>[], options: pulumi.CustomResourceOptions) {
    const resource = new RenderDeploy(
      name,
      { serviceId: this.args.id, written, timeoutSeconds: this.args.timeoutSeconds ?? 1800 },
      options,
    );
    return { resource, id: resource.deployId };
  }

  /**
   * A variable of this service.
   * @param key its name there; default: the secret's own name. With an overlap, `<key>_PREVIOUS` holds the previous value.
   */
  variable(key?: string): Destination {
    const { id, label, instances, health, proofUrl } = this.args;
    return {
      label: `render:${label}`,
      health,
      proofs: (secret, overlaps) =>
        proofUrl
          ? [
              {
                consumer: label,
                url: `${proofUrl}/${key ?? secret}`,
                variable: key ?? secret,
                instances,
                acceptsPrevious: overlaps,
              },
            ]
          : [],
      deliver: ({ secret, current, previous, overlaps, part, options }) => {
        const name = key ?? secret;
        const variables = [
          new RenderEnvVar(part(`render-${label}`), { serviceId: id, key: name, value: current }, options),
        ];
        if (overlaps)
          variables.push(
            new RenderEnvVar(
              part(`render-${label}-previous`),
              { serviceId: id, key: `${name}_PREVIOUS`, value: previous },
              options,
            ),
          );
        this.writes.push(...variables);
        return {
          resources: variables,
          rollout: { service: this, written: variables.map((variable) => variable.writtenAt) },
        };
      },
    };
  }
}
