// VisAPI's secrets that only a person can fetch, since their vendors have no way to make one by a program. What to do
// at each vendor is in cli/hand-overs/; until one has been handed over, the stack says so and goes on without it.
import type { Application } from "../components/application.ts";
import type { Destination } from "../components/destinations/destination.ts";
import { vaultKv } from "../components/destinations/vault.ts";
import { HandedOverSecret } from "../components/handed-over-secret.ts";
import type { SecretClass } from "../provider/sdk.ts";
import type { Services } from "./visapi-services.ts";

export interface HandOversArgs extends Pick<Services, "api" | "actions"> {
  owner: string;
}

export function handOvers(application: Application, { owner, api, actions }: HandOversArgs): void {
  const declare = (secret: string, level: SecretClass, ...destinations: Destination[]): void =>
    void HandedOverSecret.declare(application, secret, {
      class: level,
      owner,
      intervalDays: 90,
      destinations: [vaultKv(), ...destinations],
    });

  // The API sends these; their vendors accept the old one until a person ends it.
  declare("CGB_API_KEY", "MEDIUM", api.variable());
  declare("SLACK_BOT_TOKEN", "MEDIUM", api.variable());
  // The API checks it, and knows one: requests signed with the old one are refused from the restart on.
  declare("SLACK_SIGNING_SECRET", "MEDIUM", api.variable());
  // One webhook in two places: Render and the deployment workflows.
  declare("SLACK_WEBHOOK_URL", "MEDIUM", api.variable(), actions());
  // Only workflows use these.
  declare("RENDER_API_KEY", "HIGH", actions());
  declare("UPSTASH_API_KEY", "HIGH", actions());
  // Better: none at all (`rotate hand-over CODECOV_TOKEN` tells how uploads do without).
  declare("CODECOV_TOKEN", "LOW", actions());
}
