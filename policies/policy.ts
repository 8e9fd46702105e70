// One rule as CrossGuard takes it.
import type {
  PolicyResource,
  ResourceValidationArgs,
  ResourceValidationPolicy,
  StackValidationPolicy,
} from "@pulumi/policy";
import { plainInputs } from "./plain.ts";
import type { Placed, Rule, Seen } from "./rules/rule.ts";
import type { Run } from "./rules/run.ts";
import { settle } from "./rules/values.ts";

export function policyOf(rule: Rule, run: Run): ResourceValidationPolicy | StackValidationPolicy {
  const { name, description, level, severity, schema } = rule;
  const described = { name, description, enforcementLevel: level, severity, configSchema: { properties: schema } };
  const { stack } = rule;
  if (stack)
    return {
      ...described,
      validateStack: (args, report) => {
        for (const { message, urn } of stack(args.resources.map(placed), args.getConfig(), run)) report(message, urn);
      },
    };
  // A remediation runs just before the validation of the same resource and passes on what it alone can see.
  const plain = new Map<string, ReadonlySet<string>>();
  const { secrets } = rule;
  return {
    ...described,
    ...(secrets
      ? {
          remediateResource: (args) => {
            const found = plainInputs(args, secrets[args.type] ?? []);
            if (found) plain.set(args.urn, found);
            return undefined;
          },
        }
      : {}),
    validateResource: (args, report) => {
      const resource = { ...seen(args), plain: plain.get(args.urn) };
      // A targeted run shows what it leaves out as the state has it, and what is not in the state as nothing at all.
      if (!rule.bare && Object.keys(resource.properties).length === 0) return;
      run.see(resource);
      for (const message of rule.resource?.(resource, args.getConfig(), run) ?? []) report(message);
    },
  };
}

function seen({ type, name, urn, props, opts }: ResourceValidationArgs | PolicyResource): Seen {
  const { protect, ignoreChanges, deleteBeforeReplace } = opts;
  return { type, name, urn, properties: settle(props), options: { protect, ignoreChanges, deleteBeforeReplace } };
}

function placed(resource: PolicyResource): Placed {
  return {
    ...seen(resource),
    dependencies: resource.dependencies.map(({ urn }) => urn),
    propertyDependencies: Object.fromEntries(
      Object.entries(resource.propertyDependencies).map(([name, from]) => [name, from.map(({ urn }) => urn)]),
    ),
  };
}
