// Vercel as a destination: one sensitive environment variable of a project, and the deployment that takes it up.
import type { Properties, Resource } from "../wire/contract.ts";
import { rollOut } from "../rollout.ts";
import type { Settings } from "../settings.ts";
import { reveal, unknown } from "../wire/values.ts";
import type { GitSource } from "../vendors/vercel.ts";
import { list, number, required, shaped, text } from "./inputs.ts";
import { latest, rolloutResource } from "./render.ts";

const projectIds = /^prj_[0-9A-Za-z]{20,40}$/;
const none = "absent";

/**
 * `rotation:vercel:EnvVar`
 *
 * Inputs: `projectId` (`prj_...`), `key`, `value` (secret; empty: the variable is absent), `targets`
 * (`production`, `preview`). Always of type sensitive: Vercel never shows it again.
 * Outputs: those, `variableId`, `writtenAt` (RFC 3339, Vercel's clock) and `remoteUpdatedAt`.
 */
export function vercelEnvVar(settings: Settings): Resource {
  const variable = (inputs: Properties) => ({
    projectId: text(inputs, "projectId"),
    key: text(inputs, "key"),
    targets: list(inputs, "targets"),
  });
  const write = async (inputs: Properties): Promise<Properties> => {
    const vercel = settings.vercel();
    const wanted = variable(inputs);
    const value = text(inputs, "value");
    if (value === "") {
      const existing = await vercel.find(wanted);
      const reply = existing && (await vercel.remove(wanted.projectId, existing.id));
      return { ...inputs, variableId: none, writtenAt: (reply?.date ?? new Date()).toISOString(), remoteUpdatedAt: 0 };
    }
    const { id, date } = await vercel.set(wanted, value);
    const seen = await vercel.find(wanted);
    return { ...inputs, variableId: id, writtenAt: date.toISOString(), remoteUpdatedAt: seen?.updatedAt ?? 0 };
  };
  const pending = (inputs: Properties): Properties => ({
    ...inputs,
    variableId: unknown,
    writtenAt: unknown,
    remoteUpdatedAt: unknown,
  });
  return {
    token: "rotation:vercel:EnvVar",
    check: ({ inputs }) => ({
      inputs,
      failures: [
        ...required(inputs, "projectId", "key", "value", "targets"),
        ...shaped(inputs, "projectId", projectIds, "prj_AbCdEfGhIjKlMnOpQrStUvWx"),
        ...shaped(inputs, "key", /^[A-Za-z][A-Za-z0-9_]*$/, "CRON_SECRET"),
        ...list(inputs, "targets")
          .filter((target) => !["production", "preview"].includes(target))
          .map((target) => ({
            property: "targets",
            reason: `targets holds "${target}"; a sensitive variable goes to "production" or "preview" only`,
          })),
      ],
    }),
    create: async ({ inputs, preview }) => ({
      id: `${text(inputs, "projectId")}/${text(inputs, "key")}`,
      outputs: preview ? pending(inputs) : await write(inputs),
    }),
    update: async ({ inputs, preview }) => (preview ? pending(inputs) : write(inputs)),
    read: async ({ id, inputs, outputs }) => {
      // Values cannot be read back; a variable that is gone or was written by somebody else shows as an empty value.
      const found = await settings.vercel().find(variable(outputs));
      const wasThere = reveal(outputs["variableId"]) !== none;
      const moved = wasThere && (found === undefined || found.updatedAt !== reveal(outputs["remoteUpdatedAt"]));
      return { id, inputs: moved ? { ...inputs, value: "" } : inputs, outputs };
    },
    delete: async ({ outputs }) => {
      const variableId = text(outputs, "variableId");
      if (variableId !== none) await settings.vercel().remove(text(outputs, "projectId"), variableId);
    },
  };
}

/**
 * `rotation:vercel:Deployment`
 *
 * Inputs: `projectId`, `name`, `gitSource` (`{type, org, repo, ref}`: variables are taken up by a build from a commit,
 * a redeploy of an old deployment may keep its old ones), `written`, `timeoutSeconds`.
 * Outputs: those, `deploymentId`, `status`.
 */
export function vercelDeployment(settings: Settings): Resource {
  const run = async (inputs: Properties): Promise<Properties> => {
    const target = settings
      .vercel()
      .rollout(text(inputs, "projectId"), text(inputs, "name"), reveal(inputs["gitSource"]) as unknown as GitSource);
    const deployment = await rollOut(target, latest(inputs), number(inputs, "timeoutSeconds", 1800));
    return { ...inputs, deploymentId: deployment.id, status: deployment.status };
  };
  return rolloutResource("rotation:vercel:Deployment", "projectId", "deploymentId", run, (inputs) => [
    ...required(inputs, "name", "gitSource"),
    ...shaped(inputs, "projectId", projectIds, "prj_AbCdEfGhIjKlMnOpQrStUvWx"),
  ]);
}
