// `random.RandomPassword` as terraform-provider-random has it (`internal/provider/resource_password.go`, schema
// version 3): defaults are part of the state, every change replaces, and nothing is ever read back.
import { randomInt } from "node:crypto";
import bcrypt from "bcrypt";
import type { Failure, Properties, Resource, Value } from "../../../provider/wire/contract.ts";
import { same, Unknown } from "../../../provider/wire/values.ts";
import { bridged, failure, unknowns } from "../shared/bridge.ts";

const digits = "0123456789";
const lowercase = "abcdefghijklmnopqrstuvwxyz";
const uppercase = lowercase.toUpperCase();
const punctuation = "!@#$%&*()-_=+[]{}<>:?";
const minima = ["minUpper", "minLower", "minNumeric", "minSpecial"];
const meta = { __meta: JSON.stringify({ schema_version: "3" }) };

export const randomPassword: Resource = bridged({
  token: "random:index/randomPassword:RandomPassword",
  inputs: {
    length: { kind: "number", required: true },
    special: { kind: "boolean" },
    upper: { kind: "boolean" },
    lower: { kind: "boolean" },
    number: { kind: "boolean" },
    numeric: { kind: "boolean" },
    minNumeric: { kind: "number" },
    minUpper: { kind: "number" },
    minLower: { kind: "number" },
    minSpecial: { kind: "number" },
    overrideSpecial: { kind: "string" },
    keepers: { kind: "map" },
  },
  secretOutputs: ["result", "bcryptHash"],
  validate,
  diff: ({ inputs, outputs }) => {
    const planned = settings(inputs);
    const changed = Object.keys(planned).filter((key) => !same(planned[key], outputs[key]));
    const keeps = (key: string): boolean =>
      (key === "keepers" && !keepersReplace(outputs[key], planned[key])) ||
      (key === "overrideSpecial" && outputs[key] === "" && planned[key] === undefined);
    return { changed, replaces: changed.filter((key) => !keeps(key)) };
  },
  plan: (inputs, outputs) =>
    outputs ? { ...outputs, ...settings(inputs) } : { ...settings(inputs), ...unknowns("result", "bcryptHash", "id") },
  create: async ({ inputs }) => {
    const chosen = settings(inputs);
    const result = generate(chosen);
    return { id: "none", outputs: { ...meta, ...chosen, id: "none", result, bcryptHash: await hashed(result) } };
  },
  update: async ({ inputs, outputs }) => ({ ...outputs, ...settings(inputs) }),
  read: async ({ id, outputs }) => {
    if (Object.keys(outputs).length) return { id, outputs };
    // The import id is the password itself; the resource's own id is "none" from then on.
    const imported = settings({ length: Buffer.byteLength(id) });
    return {
      id: "none",
      inputs: imported,
      outputs: { ...meta, ...imported, id: "none", result: id, bcryptHash: await hashed(id) },
    };
  },
});

/** As golang.org/x/crypto/bcrypt makes it with its default cost: of the first 72 bytes, marked `2a`. */
async function hashed(text: string): Promise<string> {
  return bcrypt.hash(text, await bcrypt.genSalt(10, "a"));
}

/** Inputs with the provider's defaults; `number` is the old name of `numeric` and always equals it. */
function settings(inputs: Properties): Properties {
  const numeric = inputs["numeric"] ?? inputs["number"] ?? true;
  return {
    keepers: inputs["keepers"],
    length: inputs["length"],
    special: inputs["special"] ?? true,
    upper: inputs["upper"] ?? true,
    lower: inputs["lower"] ?? true,
    number: numeric,
    numeric,
    minNumeric: inputs["minNumeric"] ?? 0,
    minUpper: inputs["minUpper"] ?? 0,
    minLower: inputs["minLower"] ?? 0,
    minSpecial: inputs["minSpecial"] ?? 0,
    overrideSpecial: inputs["overrideSpecial"],
  };
}

function validate(inputs: Properties, name: string): Failure[] {
  const failures: Failure[] = [];
  const fail = (key: string, reason: string): number => failures.push(failure(name, key, reason));
  for (const key of ["length", ...minima]) {
    const value = inputs[key];
    if (typeof value === "number" && !(Number.isInteger(value) && value >= 0))
      fail(key, `Invalid Attribute Value. ${key} must be a whole number of 0 or more, got: ${value}`);
  }
  const length = inputs["length"];
  const sum = minima.reduce((total, key) => total + (typeof inputs[key] === "number" ? inputs[key] : 0), 0);
  if (typeof length === "number" && length < 1)
    fail("length", `Invalid Attribute Value. Attribute length value must be at least 1, got: ${length}`);
  else if (typeof length === "number" && length < sum && !minima.some((key) => inputs[key] instanceof Unknown))
    fail(
      "length",
      `Invalid Attribute Value. Attribute length value must be at least sum of min_upper + min_lower + min_numeric + min_special, got: ${length}`,
    );
  const { number, numeric, overrideSpecial } = inputs;
  if (typeof number === "boolean" && typeof numeric === "boolean" && number !== numeric)
    fail(
      "number",
      "Number and numeric are both configured with different values. Number is deprecated, use numeric instead",
    );
  const classes = ["special", "upper", "lower"];
  if (
    [...classes, "numeric"].every((key) => inputs[key] === false) ||
    [...classes, "number"].every((key) => inputs[key] === false)
  )
    fail(
      "special",
      "Invalid Attribute Combination. At least one attribute out of [special,upper,lower,numeric] must be specified as true",
    );
  // The official plugin picks single bytes out of this text, so anything but ASCII comes out broken.
  if (typeof overrideSpecial === "string" && /[^\x20-\x7e]/.test(overrideSpecial))
    fail("overrideSpecial", "overrideSpecial takes printable ASCII characters only");
  return failures;
}

/** The minimum of each class first, the rest from all classes in use, then shuffled; every choice is unbiased. */
function generate(chosen: Properties): string {
  const count = (key: string): number => (typeof chosen[key] === "number" ? chosen[key] : 0);
  const override = chosen["overrideSpecial"];
  const special = typeof override === "string" && override !== "" ? override : punctuation;
  const classes: [set: string, use: Value, minimum: number][] = [
    [uppercase, chosen["upper"], count("minUpper")],
    [lowercase, chosen["lower"], count("minLower")],
    [digits, chosen["numeric"], count("minNumeric")],
    [special, chosen["special"], count("minSpecial")],
  ];
  const characters = classes.flatMap(([set, , minimum]) => pick(set, minimum));
  const all = classes.map(([set, use]) => (use === true ? set : "")).join("");
  characters.push(...pick(all, count("length") - characters.length));
  for (let i = characters.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [characters[i], characters[j]] = [characters[j] ?? "", characters[i] ?? ""];
  }
  return characters.join("");
}

function pick(set: string, count: number): string[] {
  return Array.from({ length: count }, () => set.charAt(randomInt(set.length)));
}

/** A map that was absent and now is empty is a change, but no reason for a new password. */
function keepersReplace(before: Value, after: Value): boolean {
  if (before !== undefined && before !== null) return true;
  return typeof after === "object" && after !== null && !(after instanceof Unknown) && Object.keys(after).length > 0;
}
