// Render: API keys are made and ended on the account page only (api-docs.render.com/reference/authentication).
import { request } from "../../provider/vendors/http.ts";
import { vendor, type Guide, type Verdict } from "./guide.ts";

export const render: Guide = {
  name: "visapi/RENDER_API_KEY",
  vendor: "Render",
  steps: [
    'Open https://dashboard.render.com/u/settings#api-keys (Account Settings, "API Keys").',
    "Make a new key with a name that says what it is for and the date. The old one goes on working beside it.",
    "Copy it (rnd_...): it is shown once. It reaches every workspace of its owner.",
    "Where the stack itself runs with this key, set RENDER_API_KEY there too before the old one ends.",
  ],
  ending: ["On the same page revoke the old key, after the scheduled run has worked once with the new one."],
  shape: /^rnd_[0-9A-Za-z]{20,60}$/,
  like: "rnd_AbCd...",
  async check(value, env): Promise<Verdict> {
    const api = vendor("Render", env["RENDER_API_URL"] || "https://api.render.com/v1", {
      authorization: `Bearer ${value}`,
    });
    const reply = await request(api, {
      method: "GET",
      path: "/owners?limit=1",
      purpose: "list the workspaces of the key",
      accept: [401, 403],
    });
    if (reply.status !== 200) return { verdict: "refused", said: `Render does not accept it (${reply.status})` };
    const [first] = Array.isArray(reply.body) ? (reply.body as { owner?: { name?: string } }[]) : [];
    return first
      ? { verdict: "accepted", said: `Render knows it as a key for ${first.owner?.name ?? "a workspace"}` }
      : { verdict: "refused", said: "the key reaches no workspace" };
  },
};
