// `time.Rotating` as terraform-provider-time has it (`internal/provider/resource_time_rotating.go`), through the
// plugin-framework bridge of late 2023 that @pulumiverse/time 0.1.1 is built with.
import type { DiffResult, Failure, Properties, Resource, Value } from "../../../provider/wire/contract.ts";
import { hasUnknown, same, Unknown } from "../../../provider/wire/values.ts";
import { bridged, failure, unknowns } from "../shared/bridge.ts";
import { addDate, addMinutes, fields, format, now, parse, type Instant } from "./instant.ts";

const counts = ["rotationMinutes", "rotationHours", "rotationDays", "rotationMonths", "rotationYears"];
const rotations = [...counts, "rotationRfc3339"];
const computed = ["year", "month", "day", "hour", "minute", "second", "unix", "id"];

export const rotating: Resource = bridged({
  token: "time:index/rotating:Rotating",
  inputs: {
    ...Object.fromEntries(counts.map((name) => [name, { kind: "number" as const }])),
    rotationRfc3339: { kind: "string" },
    rfc3339: { kind: "string" },
    triggers: { kind: "map" },
  },
  secretOutputs: [],
  validate,
  diff: ({ inputs, outputs }) => diff(inputs, outputs),
  plan: (inputs, outputs) => {
    if (outputs && !hasUnknown(inputs)) return { ...outputs, ...state(inputs, base(inputs, outputs)) };
    return { ...unknowns("rfc3339", "rotationRfc3339", ...computed), ...inputs };
  },
  create: async ({ inputs }) => {
    const start = base(inputs);
    return { id: format(start), outputs: state(inputs, start) };
  },
  update: async ({ inputs, outputs }) => state(inputs, base(inputs, outputs)),
  read: async ({ id, outputs, name }) => {
    const found = Object.keys(outputs).length ? outputs : imported(id);
    // Only here does anyone notice that the time has come: a refresh drops the resource, the next update makes it anew.
    const end = instantOf(found["rotationRfc3339"], name);
    if (now().unixMs > end.unixMs) return undefined;
    if (found === outputs) return { id, outputs };
    return { id: format(instantOf(found["rfc3339"], name)), outputs: found, inputs: inputsOf(found) };
  },
});

function validate(inputs: Properties, name: string): Failure[] {
  const failures: Failure[] = [];
  for (const key of counts) {
    const value = inputs[key];
    if (typeof value === "number" && !(Number.isInteger(value) && value >= 1))
      failures.push(
        failure(name, key, `Invalid Attribute Value. Attribute ${snake(key)} value must be at least 1, got: ${value}`),
      );
  }
  for (const key of ["rfc3339", "rotationRfc3339"]) {
    const value = inputs[key];
    if (typeof value === "string" && !parse(value))
      failures.push(
        failure(
          name,
          key,
          `Invalid Attribute Type. Attribute ${snake(key)} value must be a string in RFC3339 format, got: ${value}`,
        ),
      );
  }
  if (!rotations.some((key) => key in inputs))
    failures.push({
      reason: `Missing Attribute Configuration. At least one of these attributes must be configured: [${rotations.map(snake).join(",")}]`,
    });
  return failures;
}

/**
 * What was not given keeps its value from the state, so an expiry alone is no change. Once anything has changed:
 * a base that was not given replaces, and so does the change of a clock that has run out.
 */
function diff(inputs: Properties, outputs: Properties): DiffResult {
  const changed: string[] = [...counts, "triggers"].filter((key) => !same(inputs[key], outputs[key]));
  for (const key of ["rfc3339", "rotationRfc3339"])
    if (inputs[key] !== undefined && !same(inputs[key], outputs[key])) changed.push(key);
  if (!changed.length) return { changed: [] };

  const replaces: string[] = changed.filter((key) => key === "triggers" || key === "rfc3339");
  if (inputs["rfc3339"] === undefined) replaces.push("rfc3339");
  const end = instantOf(outputs["rotationRfc3339"], "state");
  const moves = inputs["rotationRfc3339"] === undefined || changed.includes("rotationRfc3339");
  if (moves && now().unixMs > end.unixMs) replaces.push("rotationRfc3339");
  return { changed: [...new Set([...changed, ...replaces])], replaces: [...new Set(replaces)] };
}

function base(inputs: Properties, outputs?: Properties): Instant {
  const given = inputs["rfc3339"] || outputs?.["rfc3339"];
  return given ? instantOf(given, "rfc3339") : now();
}

/** Where several rotations are given, one wins; they do not add up. */
function state(inputs: Properties, start: Instant): Properties {
  const count = (key: string): number => (typeof inputs[key] === "number" ? inputs[key] : 0);
  let end: Instant | undefined;
  if (count("rotationDays")) end = addDate(start, 0, 0, count("rotationDays"));
  if (count("rotationHours")) end = addMinutes(start, count("rotationHours") * 60);
  if (count("rotationMinutes")) end = addMinutes(start, count("rotationMinutes"));
  if (count("rotationMonths")) end = addDate(start, 0, count("rotationMonths"), 0);
  if (inputs["rotationRfc3339"]) end = instantOf(inputs["rotationRfc3339"], "rotationRfc3339");
  if (count("rotationYears")) end = addDate(start, count("rotationYears"), 0, 0);
  if (!end) throw new Error("time.Rotating has no rotation; set rotationDays or another of the rotation inputs");
  const given = Object.fromEntries([...counts, "triggers"].map((key) => [key, inputs[key]]));
  return {
    ...given,
    ...fields(end),
    unix: Math.floor(end.unixMs / 1000),
    rfc3339: format(start),
    rotationRfc3339: format(end),
    id: format(start),
  };
}

/** `BASE,YEARS,MONTHS,DAYS,HOURS,MINUTES` with empty parts left out, or `BASE,ROTATION`. */
function imported(id: string): Properties {
  const [start = "", ...rest] = id.split(",");
  const usage = "BASETIMESTAMP,YEARS,MONTHS,DAYS,HOURS,MINUTES or BASETIMESTAMP,ROTATIONTIMESTAMP";
  if (!start || (rest.length !== 1 && rest.length !== 5) || rest.every((part) => part === ""))
    throw new Error(`Unexpected Format of ID: Unexpected format of ID ("${id}"), expected ${usage}`);
  const inputs: Properties = { triggers: {} };
  if (rest.length === 1) inputs["rotationRfc3339"] = rest[0];
  else
    ["rotationYears", "rotationMonths", "rotationDays", "rotationHours", "rotationMinutes"].forEach((key, i) => {
      if (rest[i] === "") return;
      if (!/^-?\d+$/.test(rest[i] ?? ""))
        throw new Error(`Import time rotating error: could not parse rotation ("${rest[i]}") as int`);
      inputs[key] = Number(rest[i]);
    });
  return state(inputs, instantOf(start, "id"));
}

function inputsOf(outputs: Properties): Properties {
  const kept = [...counts, "rfc3339", "rotationRfc3339", "triggers"].filter((key) => outputs[key] !== undefined);
  return Object.fromEntries(kept.map((key) => [key, outputs[key]]));
}

function instantOf(value: Value, what: string): Instant {
  if (value instanceof Unknown) throw new Error(`${what} is not known yet`);
  const instant = typeof value === "string" ? parse(value) : undefined;
  if (!instant) throw new Error(`${what} could not be parsed as RFC3339: ${JSON.stringify(value)}`);
  return instant;
}

function snake(name: string): string {
  return name === "rfc3339"
    ? name
    : name.replace("Rfc3339", "_rfc3339").replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
