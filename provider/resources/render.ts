// Render as a destination: one environment variable of a service, and the deploy that hands it to the instances.
import type { Properties, Resource } from "../wire/contract.ts";
import { rollOut } from "../rollout.ts";
import type { Settings } from "../settings.ts";
import { Unknown, unknown } from "../wire/values.ts";
import { list, number, required, secret, shaped, text } from "./inputs.ts";

const serviceIds = /^srv-[0-9a-z]{20}$/;

/**
 * `rotation:render:EnvVar`
 *
 * Inputs: `serviceId` (`srv-` and 20 letters or digits), `key`, `value` (secret; empty: the variable is absent).
 * Outputs: those and `writtenAt` (RFC 3339, Render's clock). The id is `<serviceId>/<key>`.
 */
export function renderEnvVar(settings: Settings): Resource {
  const write = async (inputs: Properties): Promise<Properties> => {
    const [serviceId, key, value] = [text(inputs, "serviceId"), text(inputs, "key"), text(inputs, "value")];
    const render = settings.render();
    const reply =
      value === "" ? await render.removeEnvVar(serviceId, key) : await render.setEnvVar(serviceId, key, value);
    return { ...inputs, writtenAt: reply.date.toISOString() };
  };
  return {
    token: "rotation:render:EnvVar",
    check: ({ inputs }) => ({
      inputs,
      failures: [
        ...required(inputs, "serviceId", "key", "value"),
        ...shaped(inputs, "serviceId", serviceIds, "srv-c9abcdefghij01234567"),
        ...shaped(inputs, "key", /^[A-Za-z_][A-Za-z0-9_]*$/, "JWT_SECRET"),
      ],
    }),
    create: async ({ inputs, preview }) => ({
      id: `${text(inputs, "serviceId")}/${text(inputs, "key")}`,
      outputs: preview ? { ...inputs, writtenAt: unknown } : await write(inputs),
    }),
    update: async ({ inputs, preview }) => (preview ? { ...inputs, writtenAt: unknown } : write(inputs)),
    read: async ({ id, inputs, outputs }) => {
      const [serviceId = "", key = ""] = id.split("/");
      const value = await settings.render().envVar(serviceId, key);
      const now: Properties = { serviceId, key, value: secret(value ?? "") };
      return { id, inputs: { ...inputs, ...now }, outputs: { ...outputs, ...now } };
    },
    delete: async ({ outputs }) => {
      await settings.render().removeEnvVar(text(outputs, "serviceId"), text(outputs, "key"));
    },
  };
}

/**
 * `rotation:render:Deploy`
 *
 * Inputs: `serviceId`, `written` (`writtenAt` of the variables it hands over), `timeoutSeconds`.
 * Outputs: those, `deployId`, `status`. Deleting it changes nothing at Render.
 */
export function renderDeploy(settings: Settings): Resource {
  const run = async (inputs: Properties): Promise<Properties> => {
    const serviceId = text(inputs, "serviceId");
    const deploy = await rollOut(
      settings.render().rollout(serviceId),
      latest(inputs),
      number(inputs, "timeoutSeconds", 1800),
    );
    return { ...inputs, deployId: deploy.id, status: deploy.status };
  };
  return rolloutResource("rotation:render:Deploy", "serviceId", "deployId", run, (inputs) =>
    shaped(inputs, "serviceId", serviceIds, "srv-c9abcdefghij01234567"),
  );
}

/** The moment of the last write among the variables. */
export function latest(inputs: Properties): Date {
  const times = list(inputs, "written").map((time) => Date.parse(time));
  return new Date(Math.max(0, ...times));
}

/** What the rollouts of all vendors have in common: new writes need a new one, and nothing is there to delete. */
export function rolloutResource(
  token: string,
  subject: string,
  rolloutId: string,
  run: (inputs: Properties) => Promise<Properties>,
  validate: (inputs: Properties) => { property?: string; reason: string }[],
): Resource {
  const pending = (inputs: Properties): Properties => ({ ...inputs, [rolloutId]: unknown, status: unknown });
  return {
    token,
    check: ({ inputs }) => ({ inputs, failures: [...required(inputs, subject, "written"), ...validate(inputs)] }),
    diff: ({ oldInputs, inputs }) => {
      const moved =
        inputs["written"] instanceof Unknown ||
        list<string>(inputs, "written").some((time, index) => time !== list<string>(oldInputs, "written")[index]);
      const other = oldInputs[subject] !== inputs[subject];
      return {
        changed: [...(moved ? ["written"] : []), ...(other ? [subject] : [])],
        replaces: other ? [subject] : [],
      };
    },
    create: async ({ inputs, preview }) => ({
      id: text(inputs, subject) || "pending",
      outputs: preview ? pending(inputs) : await run(inputs),
    }),
    update: async ({ inputs, preview }) => (preview ? pending(inputs) : run(inputs)),
  };
}
