// The keys that IntelliFlow has at vendors (runbook, "API Keys"), each a pair in Vault: the new one is secondary until
// the vendor has accepted it, then primary, and the old one secondary until it has ended. docs/vendor-keys.md tells what
// is automatic at each vendor, and what a person does.
import type { Application } from "../components/application.ts";
import type { Destination } from "../components/destinations/destination.ts";
import { kubernetesSecret, type KubernetesDeployment } from "../components/destinations/kubernetes.ts";
import { HandedOverKeyPair, IssuedKeyPair } from "../components/key-pair.ts";
import { setting } from "../components/stack.ts";

export interface VendorsArgs {
  owner: string;
  /** Hours for which an old key stays valid after verification. */
  graceHours: number;
  /** Who reads the primary keys from Kubernetes Secrets, in the order of their restarts. None: Vault alone has them. */
  deployments: KubernetesDeployment[];
}

export function vendors(application: Application, { owner, graceHours, deployments }: VendorsArgs): void {
  const { environment } = application.stack;
  const common = { class: "HIGH" as const, owner, intervalDays: 90, graceHours };
  /** `secret/intelliflow/<name>` and the Kubernetes Secret of that name. */
  const places = (name: string): { path: string; destinations: Destination[] } => ({
    path: `intelliflow/${name}`,
    destinations: deployments.length ? [kubernetesSecret({ deployments, name })] : [],
  });

  new IssuedKeyPair(application, "OPENAI_API_KEY", {
    ...common,
    ...places("openai"),
    kind: "openai-key",
    settings: {
      project: setting("intelliflow", "openaiProject", "OPENAI_PROJECT_ID"),
      // As long as the grace period: then any use since the new key went live holds the old one. In the sandbox days
      // pass in seconds.
      quietMinutes: environment === "sandbox" ? 0.03 : graceHours * 60,
    },
  });
  // No program can make these; what to do at each vendor is in cli/hand-overs/.
  HandedOverKeyPair.declare(application, "ANTHROPIC_API_KEY", {
    ...common,
    ...places("anthropic"),
    kind: "anthropic-key",
  });
  HandedOverKeyPair.declare(application, "STRIPE_API_KEY", {
    ...common,
    ...places("stripe"),
    kind: "stripe-key",
    settings: environment === "production" ? { mode: "live" } : {},
  });
}
