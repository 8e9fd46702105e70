// ChatGPT Builder (CGB), VisAPI's way to WhatsApp. Its API has no endpoint for keys.
import { request } from "../../provider/vendors/http.ts";
import { vendor, type Guide, type Verdict } from "./guide.ts";

export const cgb: Guide = {
  name: "visapi/CGB_API_KEY",
  vendor: "ChatGPT Builder",
  steps: [
    "Open https://app.chatgptbuilder.io/dashboard/api-keys.",
    "Make a new key. Do not revoke the old one yet: the API uses it until the new one is verified.",
    "Copy the new key.",
  ],
  ending: ["On the same page delete the old key."],
  shape: /^[\w.-]{16,200}$/,
  like: "16 to 200 letters, digits, dots, dashes",
  async check(value, env): Promise<Verdict> {
    // Public clients of this vendor differ in the header; VisAPI's own sends a Bearer token.
    const header = env["CGB_AUTH_HEADER"] ?? "authorization";
    const sent = header.toLowerCase() === "authorization" ? `Bearer ${value}` : value;
    const api = vendor("ChatGPT Builder", env["CGB_API_URL"] || "https://app.chatgptbuilder.io/api", {
      [header]: sent,
    });
    const reply = await request(api, {
      method: "GET",
      path: "/accounts/me",
      purpose: "ask for the account of the key",
      accept: [401, 403],
    });
    // Errors come as 200 with `success: false`.
    const account = (reply.body ?? {}) as { success?: boolean; page_id?: unknown; name?: string; active?: boolean };
    if (reply.status !== 200 || account.success === false)
      return { verdict: "refused", said: `ChatGPT Builder does not accept it (${reply.status})` };
    if (account.page_id === undefined) throw new Error("ChatGPT Builder gave an answer that names no account");
    if (account.active === false)
      return { verdict: "refused", said: `the account ${account.name ?? ""} is not active` };
    return { verdict: "accepted", said: `ChatGPT Builder knows it as a key of ${account.name ?? "the account"}` };
  },
};
