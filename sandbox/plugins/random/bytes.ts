// `random.RandomBytes` as terraform-provider-random has it (`internal/provider/resource_bytes.go`): every change
// replaces, and nothing is ever read back. Its id is the value in base64, in plain (pulumi-random `resources.go`).
import { randomBytes as bytes } from "node:crypto";
import type { Properties, Resource } from "../../../provider/wire/contract.ts";
import { same } from "../../../provider/wire/values.ts";
import { bridged, failure, unknowns } from "../shared/bridge.ts";

export const randomBytes: Resource = bridged({
  token: "random:index/randomBytes:RandomBytes",
  inputs: { length: { kind: "number", required: true }, keepers: { kind: "map" } },
  secretOutputs: ["base64", "hex"],
  validate: ({ length }, name) =>
    typeof length === "number" && !(Number.isInteger(length) && length >= 1)
      ? [failure(name, "length", `Invalid Attribute Value. Attribute length value must be at least 1, got: ${length}`)]
      : [],
  diff: ({ inputs, outputs }) => {
    const changed = ["length", "keepers"].filter((key) => !same(inputs[key], outputs[key]));
    return { changed, replaces: changed };
  },
  plan: (inputs, outputs) => (outputs ? { ...outputs, ...inputs } : { ...inputs, ...unknowns("base64", "hex") }),
  create: async ({ inputs }) => of(inputs, bytes(inputs["length"] as number)),
  update: async ({ inputs, outputs }) => ({ ...outputs, ...inputs }),
  read: async ({ id, outputs }) => {
    if (Object.keys(outputs).length) return { id, outputs };
    const value = Buffer.from(id, "base64");
    const inputs = { length: value.length };
    return { ...of(inputs, value), inputs };
  },
});

function of(inputs: Properties, value: Buffer): { id: string; outputs: Properties } {
  const base64 = value.toString("base64");
  return { id: base64, outputs: { ...inputs, base64, hex: value.toString("hex") } };
}
