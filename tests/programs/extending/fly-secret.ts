// provider/resources/fly.ts
import { required, shaped, text } from "../../../provider/resources/inputs.ts";
import { request, type Vendor } from "../../../provider/vendors/http.ts";
import type { Properties, Resource } from "../../../provider/wire/contract.ts";

/**
 * `rotation:fly:Secret`
 *
 * Inputs: `app`, `key`, `value` (secret; empty: it is absent). Outputs: those. The id is `<app>/<key>`.
 */
export function flySecret(vendor: Vendor): Resource {
  const write = async (inputs: Properties): Promise<Properties> => {
    const [app, key, value] = [text(inputs, "app"), text(inputs, "key"), text(inputs, "value")];
    const path = `/v1/apps/${app}/secrets/${key}`;
    const purpose = `set ${key} on app ${app}`;
    await (value === ""
      ? request(vendor, { method: "DELETE", path, purpose, accept: [404] })
      : request(vendor, { method: "PUT", path, purpose, body: { value } }));
    return inputs;
  };
  return {
    token: "rotation:fly:Secret",
    check: ({ inputs }) => ({
      inputs,
      failures: [
        ...required(inputs, "app", "key", "value"),
        ...shaped(inputs, "app", /^[a-z0-9-]{1,63}$/, "shop-production"),
      ],
    }),
    create: async ({ inputs, preview }) => ({
      id: `${text(inputs, "app")}/${text(inputs, "key")}`,
      outputs: preview ? inputs : await write(inputs),
    }),
    update: async ({ inputs, preview }) => (preview ? inputs : write(inputs)),
    delete: async ({ outputs }) => void (await write({ ...outputs, value: "" })),
  };
}
