// Slack: bot token, signing secret, incoming webhook (docs.slack.dev; api-facts on Slack).
import { request } from "../../provider/vendors/http.ts";
import { vendor, type Guide, type Verdict } from "./guide.ts";

interface Said {
  ok?: boolean;
  error?: string;
  team?: string;
  user?: string;
}

/** Slack's words for a token that does not work; anything else says nothing about the token. */
const refusals = [
  "invalid_auth",
  "not_authed",
  "account_inactive",
  "token_revoked",
  "token_expired",
  "org_login_required",
];

const botToken: Guide = {
  name: "visapi/SLACK_BOT_TOKEN",
  vendor: "Slack",
  steps: [
    "Open https://api.slack.com/apps and choose the app of VisAPI.",
    'Choose "Install App", then "Reinstall to Workspace", and agree. A reinstallation with changed scopes gives a new token; with the same scopes Slack may show the same one: then revoke it first (auth.revoke) and install again.',
    'Copy the "Bot User OAuth Token" (xoxb-...).',
  ],
  ending: [
    "If the old token is another one and still works, end it: POST https://slack.com/api/auth.revoke with it as Bearer token.",
  ],
  shape: /^xox[be](\.xoxb)?-[0-9A-Za-z-]{20,250}$/,
  like: "xoxb-1234...-1234...-AbCd...",
  async check(value, env): Promise<Verdict> {
    const api = vendor("Slack", env["SLACK_API_URL"] || "https://slack.com/api", { authorization: `Bearer ${value}` });
    const reply = await request(api, {
      method: "POST",
      path: "/auth.test",
      purpose: "test the bot token",
      repeatable: true,
    });
    const said = (reply.body ?? {}) as Said;
    if (said.ok) return { verdict: "accepted", said: `Slack knows it as ${said.user ?? "?"} in ${said.team ?? "?"}` };
    if (refusals.includes(said.error ?? "")) return { verdict: "refused", said: `Slack says ${said.error}` };
    throw new Error(`Slack could not tell whether the token works: ${said.error ?? "no reason given"}`);
  },
};

const signingSecret: Guide = {
  name: "visapi/SLACK_SIGNING_SECRET",
  vendor: "Slack",
  steps: [
    "Open https://api.slack.com/apps and choose the app of VisAPI.",
    'Under "Basic Information", "App Credentials", choose "Regenerate" beside the signing secret. From then on Slack signs with the new one: go on at once, requests are refused until the API has it.',
    "Copy the new signing secret.",
  ],
  ending: ["Nothing to do: regenerating it ended the old one."],
  endsOld: true,
  shape: /^[0-9a-f]{32}$/,
  like: "32 characters of 0-9 and a-f",
  check: async (): Promise<Verdict> => ({
    verdict: "shape only",
    said: "Slack has no way to check a signing secret; only its shape was looked at. Send a command to the app to see that the API accepts it",
  }),
};

const webhook: Guide = {
  name: "visapi/SLACK_WEBHOOK_URL",
  vendor: "Slack",
  steps: [
    'Open https://api.slack.com/apps, choose the app, then "Incoming Webhooks".',
    'Choose "Add New Webhook to Workspace", pick the same channel, and agree. The old webhook goes on working beside it.',
    "Copy the new webhook URL. A test message will be posted through it.",
  ],
  ending: [
    'On the same page remove the old webhook ("Remove" beside it): both places, Render and GitHub Actions, have the new one.',
  ],
  shape: /^https?:\/\/[\w.:-]+\/services\/T\w+\/B\w+\/\w{16,64}$/,
  like: "https://hooks.slack.com/services/T.../B.../...",
  async check(value, env, quiet): Promise<Verdict> {
    const { origin } = new URL(value);
    const known = ["https://hooks.slack.com", originOf(env["SLACK_WEBHOOK_URL"])];
    if (!known.includes(origin)) return { verdict: "refused", said: `${origin} is not Slack's address for webhooks` };
    // Without a text Slack posts nothing, and still tells a live webhook (400) from a removed one (404).
    const body = JSON.stringify(
      quiet ? {} : { text: "Test of a new webhook for VisAPI: secret rotation is about to use it." },
    );
    const headers = { "content-type": "application/json" };
    let status: number;
    try {
      const reply = await fetch(value, { method: "POST", headers, body, signal: AbortSignal.timeout(15_000) });
      status = reply.status;
      await reply.body?.cancel();
    } catch {
      // The error of fetch names the address, and the address is the secret.
      throw new Error("Slack gave no answer to the webhook in 15 s");
    }
    if (status === 200 || (quiet && status === 400)) return { verdict: "accepted", said: "the webhook takes messages" };
    if ([400, 403, 404, 410].includes(status))
      return { verdict: "refused", said: `Slack answered ${status} to the webhook` };
    throw new Error(`Slack could not tell whether the webhook works: it answered ${status}`);
  },
};

function originOf(url: string | undefined): string {
  try {
    return new URL(url ?? "").origin;
  } catch {
    return "";
  }
}

export const slack: Guide[] = [botToken, signingSecret, webhook];
