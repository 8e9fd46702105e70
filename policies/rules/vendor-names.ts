// Secrets that lie at the vendors' production and that nobody rotates. A policy makes no calls: the stack itself lists
// the names in each run (`rotation:index:VendorNames`), and this rule compares them with what the stack keeps there.
import { matches, namesSchema } from "./patterns.ts";
import { stackRule, type Finding, type Placed } from "./rule.ts";
import { environmentIn, types } from "./run.ts";
import { groups, text } from "./values.ts";

export interface VendorNamesConfig {
  /** Names of variables that are no secrets, alone or behind their place like `render:srv-1/REGION`; "*" stands for anything. */
  except: string[];
}

/** Where each type of destination keeps a value, and under which name there. */
const places: Readonly<Record<string, { vendor: string; place: string; name: string }>> = {
  "rotation:render:EnvVar": { vendor: "render", place: "serviceId", name: "key" },
  "rotation:vercel:EnvVar": { vendor: "vercel", place: "projectId", name: "key" },
  "github:index/actionsSecret:ActionsSecret": { vendor: "github", place: "repository", name: "secretName" },
};

/** What platforms set by themselves. */
const platforms = [
  "NODE_ENV",
  "PORT",
  "HOST",
  "TZ",
  "LOG_LEVEL",
  "CI",
  "NEXT_PUBLIC_*",
  "VERCEL",
  "VERCEL_*",
  "RENDER",
  "RENDER_*",
];

export const vendorSecretsKnown = stackRule<VendorNamesConfig>({
  name: "vendor-secrets-known",
  description: "Every secret at the vendors' production is one that the stack rotates, or is said to be none.",
  // Nothing that this run does makes it worse.
  level: "advisory",
  severity: "medium",
  defaults: { except: [] },
  schema: { except: namesSchema("Names of variables that are no secrets") },
  checkStack(resources, { except }, run) {
    if (environmentIn(resources, run) !== "production") return [];
    const kept = new Set(resources.flatMap(keptBy));
    return resources
      .filter(({ type }) => type === types.vendorNames)
      .flatMap(({ urn, properties }) => {
        const plain = strings(properties["plain"]);
        return groups(properties, "places").flatMap((listed): Finding[] => {
          const place = text(listed, "place") ?? "";
          const unknown = strings(listed["names"])
            .filter((name) => !kept.has(keyOf(place, name)))
            .filter((name) =>
              [...platforms, ...plain, ...except].every(
                (pattern) => !matches(pattern, name) && !matches(pattern, `${place}/${name}`),
              ),
            );
          if (unknown.length === 0) return [];
          const message = `${place} holds ${unknown.join(", ")}, which no stack rotates: declare ${unknown.length === 1 ? "it" : "them"}, or list what is no secret under plainVariables`;
          return [{ message, urn }];
        });
      });
  },
});

function keptBy({ type, properties }: Placed): string[] {
  const kind = places[type];
  const [place, name] = kind ? [text(properties, kind.place), text(properties, kind.name)] : [];
  return kind && place !== undefined && name !== undefined ? [keyOf(`${kind.vendor}:${place}`, name)] : [];
}

/** GitHub's repositories come with their owner or without, and the names of its secrets in any case. */
function keyOf(place: string, name: string): string {
  if (!place.startsWith("github:")) return `${place}/${name}`;
  return `github:${place.split(/[:/]/).pop() ?? ""}/${name.toUpperCase()}`;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}
