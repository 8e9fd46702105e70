// A Vercel project: sensitive environment variables, and one deployment that takes them up.
import type * as pulumi from "@pulumi/pulumi";
import { VercelDeployment, VercelEnvVar, type GitSource } from "../../provider/sdk.ts";
import { shaped } from "../stack.ts";
import type { Destination, Service } from "./destination.ts";

export interface VercelProjectArgs {
  /** As people call it: `frontend`. */
  label: string;
  /** `prj_...`, from the project's settings. */
  id: string;
  /** The project's name, which a deployment must be given. */
  name: string;
  /** The commit that deployments are built from. */
  gitSource: GitSource;
  /** @default ["production"] */
  targets?: ("production" | "preview")[];
  health: string[];
  /** As for a Render service. */
  proofUrl?: string;
  timeoutSeconds?: number;
}

export class VercelProject implements Service {
  readonly label: string;
  readonly writes: pulumi.Resource[] = [];
  readonly args: VercelProjectArgs;
  constructor(args: VercelProjectArgs) {
    shaped(
      args.id,
      /^prj_[0-9A-Za-z]{20,40}$/,
      `The id of the Vercel project "${args.label}"`,
      "prj_AbCdEfGhIjKlMnOpQrStUvWx",
    );
    this.label = args.label;
    this.args = args;
  }

  rollOut(name: string, written: pulumi.Output<string>[], options: pulumi.CustomResourceOptions) {
    const { id, gitSource, timeoutSeconds = 1800 } = this.args;
    const resource = new VercelDeployment(
      name,
      { projectId: id, name: this.args.name, gitSource, written, timeoutSeconds },
      options,
    );
    return { resource, id: resource.deploymentId };
  }

  /**
   * A variable of this project, of type sensitive.
   * @param key its name there; default: the secret's own name
   * @param accepts whether the project checks the secret (then it needs the previous value as well) or only sends it
   */
  variable(key?: string, accepts: "checks" | "sends" = "sends"): Destination {
    const { id, label, health, proofUrl, targets = ["production"] } = this.args;
    return {
      label: `vercel:${label}`,
      health,
      proofs: (secret, overlaps) =>
        proofUrl
          ? [
              {
                consumer: label,
                url: `${proofUrl}/${key ?? secret}`,
                variable: key ?? secret,
                acceptsPrevious: overlaps && accepts === "checks",
              },
            ]
          : [],
      deliver: ({ secret, current, previous, overlaps, part, options }) => {
        const name = key ?? secret;
        const variables = [
          new VercelEnvVar(part(`vercel-${label}`), { projectId: id, key: name, value: current, targets }, options),
        ];
        if (overlaps && accepts === "checks")
          variables.push(
            new VercelEnvVar(
              part(`vercel-${label}-previous`),
              { projectId: id, key: `${name}_PREVIOUS`, value: previous, targets },
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
