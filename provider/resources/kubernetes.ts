// Kubernetes as a consumer: the rolling restart that hands written Secrets to the pods of a Deployment.
import type { Properties, Resource } from "../wire/contract.ts";
import { rollOut } from "../rollout.ts";
import type { Settings } from "../settings.ts";
import { number, required, shaped, text } from "./inputs.ts";
import { latest, rolloutResource } from "./render.ts";

const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?";

/**
 * `rotation:kubernetes:Restart`
 *
 * Inputs: `deployment` (`<namespace>/<name>`), `written` (when its Secrets last changed, RFC 3339 by the API server's
 * clock), `reason` (goes into the pod template's annotations; made of the rotation's window and generation, never of a
 * value), `minimumReplicas` (0 to any; fewer are refused, since nobody would serve meanwhile), `timeoutSeconds`,
 * `context` (of the kubeconfig; left out: the current one).
 * Outputs: those, `revision` (the ReplicaSet whose pods have the new values), `status`. Deleting it changes nothing.
 *
 * A rollout that began after the last write is waited for, whoever began it; so a Deployment restarts once, however
 * many of its Secrets changed. A failure leaves the old pods as they are.
 */
export function kubernetesRestart(settings: Settings): Resource {
  const run = async (inputs: Properties): Promise<Properties> => {
    const cluster = settings.kubernetes(text(inputs, "context"));
    const terms = {
      deployment: text(inputs, "deployment"),
      reason: text(inputs, "reason"),
      minimumReplicas: number(inputs, "minimumReplicas", 0),
    };
    const rollout = await rollOut(cluster.rollout(terms), latest(inputs), number(inputs, "timeoutSeconds", 900));
    return { ...inputs, revision: rollout.id, status: rollout.status };
  };
  return rolloutResource("rotation:kubernetes:Restart", "deployment", "revision", run, (inputs) => [
    ...required(inputs, "reason"),
    ...shaped(inputs, "deployment", new RegExp(`^${label}/${label}$`), "intelliflow/api"),
  ]);
}
