// VisAPI's own secrets: what it signs and checks with, made by us.
import type { Application } from "../components/application.ts";
import type { RenderService } from "../components/destinations/render.ts";
import { vaultKv } from "../components/destinations/vault.ts";
import type { VercelProject } from "../components/destinations/vercel.ts";
import { GeneratedSecret } from "../components/generated-secret.ts";
import { PrefixSecret } from "../components/prefix-secret.ts";

export interface SigningArgs {
  owner: string;
  overlap: { graceHours: number };
  api: RenderService;
  frontend: VercelProject;
}

/** Declares the core application secrets of the runbook. */
export function signing(application: Application, { owner, overlap, api, frontend }: SigningArgs): void {
  const jwt = new GeneratedSecret(application, "JWT_SECRET", {
    class: "HIGH",
    owner,
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap,
    destinations: [vaultKv(), api.variable()],
  });
  // Both sign what users hold: never changed in the same run, so that trouble with one is not hidden by the other.
  new GeneratedSecret(application, "SESSION_SECRET", {
    class: "HIGH",
    owner,
    intervalDays: 30,
    format: "hex",
    length: 64,
    overlap,
    apartFrom: jwt,
    destinations: [vaultKv(), api.variable()],
  });
  // The API checks it, the front end's scheduled calls send it.
  new GeneratedSecret(application, "CRON_SECRET", {
    class: "MEDIUM",
    owner,
    intervalDays: 30,
    format: "hex",
    length: 32,
    overlap,
    destinations: [vaultKv(), api.variable(), frontend.variable()],
  });
  new PrefixSecret(application, "API_KEY_PREFIX", {
    class: "LOW",
    owner,
    intervalDays: 90,
    stem: "vapi",
    warning: "every API key issued under the old prefix stops working once the API restarts",
    destinations: [vaultKv(), api.variable()],
  });
}
