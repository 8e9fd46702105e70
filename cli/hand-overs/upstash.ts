// Upstash: management keys are made in the console only; several may live side by side (upstash.com/docs/devops).
import { request } from "../../provider/vendors/http.ts";
import { UsageError } from "../command.ts";
import { vendor, type Guide, type Verdict } from "./guide.ts";

export const upstash: Guide = {
  name: "visapi/UPSTASH_API_KEY",
  vendor: "Upstash",
  steps: [
    'Open https://console.upstash.com/account/api ("Account", "Management API").',
    "Make a new key with a name that says what it is for and the date. The old one goes on working beside it.",
    "Copy it: it is shown once. Set UPSTASH_EMAIL to the account's e-mail address: keys are checked together with it.",
  ],
  ending: ["On the same page delete the old key."],
  shape: /^[0-9A-Za-z-]{20,100}$/,
  like: "96ad0856-03b1-...",
  async check(value, env): Promise<Verdict> {
    const email = env["UPSTASH_EMAIL"];
    if (!email)
      throw new UsageError("UPSTASH_EMAIL is missing: a key of Upstash is checked together with its account.");
    const basic = Buffer.from(`${email}:${value}`).toString("base64");
    const api = vendor("Upstash", env["UPSTASH_API_URL"] || "https://api.upstash.com/v2", {
      authorization: `Basic ${basic}`,
    });
    const reply = await request(api, {
      method: "GET",
      path: "/redis/databases",
      purpose: "list the databases of the account",
      accept: [401, 403],
    }).catch((error: unknown) => {
      // Refusals are plain text; the status is all that is needed of them.
      if ((error as { status?: number }).status === 401) return { status: 401, body: null };
      throw error;
    });
    if (reply.status !== 200)
      return { verdict: "refused", said: `Upstash does not accept it for ${email} (${reply.status})` };
    const count = Array.isArray(reply.body) ? reply.body.length : 0;
    return { verdict: "accepted", said: `Upstash lists ${count} database${count === 1 ? "" : "s"} with it` };
  },
};
