// Anthropic: keys are made in the Console only; the Admin API lists them and ends them
// (platform.claude.com/docs/en/api/admin/api_keys).
import { accepted, Anthropic } from "../../provider/vendors/anthropic.ts";
import type { Guide, Verdict } from "./guide.ts";

export const anthropic: Guide = {
  name: "intelliflow/ANTHROPIC_API_KEY",
  vendor: "Anthropic",
  steps: [
    "Open https://console.anthropic.com/settings/keys, in the workspace that IntelliFlow's key belongs to.",
    'Choose "Create Key", with a name that says what it is for and the date, like intelliflow-2026-11, and an expiry date some weeks after the next rotation is due.',
    "Copy it (sk-ant-api03-...): it is shown once. Leave the old key alone: both work until the new one is verified.",
  ],
  ending: [
    "Nothing to do: after verification and the grace period the stack makes the old key inactive by the Admin API. When nothing has missed it, delete it in the Console.",
  ],
  shape: /^sk-ant-api\d\d-[\w-]{8,200}$/,
  like: "sk-ant-api03-...",
  async check(value, env): Promise<Verdict> {
    const url = (env["ANTHROPIC_API_URL"] || "https://api.anthropic.com").replace(/\/$/, "");
    if (!(await accepted(url, value, 15))) return { verdict: "refused", said: "Anthropic does not accept it (401)" };
    const adminKey = env["ANTHROPIC_ADMIN_KEY"];
    if (!adminKey) return { verdict: "accepted", said: "Anthropic lists models with it" };
    // The stack ends a key by the id that is found here; a key of another organisation could never be ended.
    const [key] = await new Anthropic(url, adminKey, 15).find(value);
    return key
      ? { verdict: "accepted", said: `Anthropic knows it as ${key.name}` }
      : { verdict: "refused", said: "it works, but not in the organisation of ANTHROPIC_ADMIN_KEY" };
  },
};
