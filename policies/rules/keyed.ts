// Every random secret is made anew when a clock turns, and only then. What a secret is keyed by is an edge of the graph:
// a resource policy sees no edges and can only refuse what has no keepers at all, so a stack policy follows them. A
// preview runs both, and `pulumi up` begins with one.
import { materials, shortName } from "./kinds.ts";
import { matchesAny, namesSchema } from "./patterns.ts";
import { resourceRule, stackRule, type Finding, type Placed } from "./rule.ts";
import { secretOf, types } from "./run.ts";
import { group, number, undecided } from "./values.ts";

export interface KeyedConfig {
  /** Names of resources whose value is no secret; "*" stands for anything. */
  except: string[];
}
export interface KeyedByClockConfig extends KeyedConfig {
  /** Days, 1 to 365, that a clock may take for a secret that has no schedule. */
  days: number;
}

const except = namesSchema("Names of random values that are no secrets");

export const keyed = resourceRule<KeyedConfig>({
  name: "material-has-keepers",
  description: "A random secret says what makes a new one.",
  severity: "critical",
  defaults: { except: [] },
  schema: { except },
  check({ type, name, properties }, config) {
    const property = materials[type];
    if (property === undefined || matchesAny(config.except, name)) return [];
    if (property === null)
      return [
        `${name} (${shortName(type)}) can have no keepers, so no clock renews it: use a key set of the rotation provider`,
      ];
    if (undecided(properties, property) || Object.keys(group(properties, property) ?? {}).length > 0) return [];
    return [`${name} has no ${property}, so it is never renewed: type ${property}: { window: clock.rfc3339 }`];
  },
});

export const keyedByClock = stackRule<KeyedByClockConfig>({
  name: "material-keyed-by-clock",
  description: "A random secret is keyed by a time.Rotating that turns within the secret's interval.",
  severity: "critical",
  defaults: { except: [], days: 90 },
  schema: {
    except,
    days: { type: "integer", minimum: 1, maximum: 365, description: "The most days of a clock without a schedule" },
  },
  checkStack(resources, config) {
    const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
    const schedules = new Map(
      resources.filter(({ type }) => type === types.schedule).map((resource) => [secretOf(resource.name), resource]),
    );
    return resources.flatMap((resource): Finding[] => {
      const property = materials[resource.type];
      if (!property || matchesAny(config.except, resource.name)) return [];
      const clocks = (resource.propertyDependencies[property] ?? [])
        .map((urn) => byUrn.get(urn))
        .filter((from): from is Placed => from?.type === types.clock);
      if (clocks.length === 0)
        return [
          {
            message: `${resource.name} is keyed by no time.Rotating: type ${property}: { window: clock.rfc3339 }`,
            urn: resource.urn,
          },
        ];
      const schedule = schedules.get(secretOf(resource.name));
      const most = schedule ? number(schedule.properties, "intervalDays") : config.days;
      const days = clocks.map((from) => number(from.properties, "rotationDays")).filter((given) => given !== undefined);
      // The quickest of its clocks renews it; one whose days nobody knows may be that one.
      if (most === undefined || days.length < clocks.length || Math.min(...days) <= most) return [];
      const message = `${resource.name} is keyed by a clock of ${Math.min(...days)} days and may be at most ${most} days old: give the clock rotationDays ${most} or less`;
      return [{ message, urn: resource.urn }];
    });
  },
});
