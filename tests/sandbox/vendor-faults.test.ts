// Vendors' keys with a fault at every call at the vendor, kills of the process included: each call once, with the fault
// that its name gives by chance; with MATRIX=all in the environment every fault.
import { OpenAiSimulator } from "../../sandbox/simulators/openai.ts";
import { ResendSimulator } from "../../sandbox/simulators/resend.ts";
import { SupabaseSimulator } from "../../sandbox/simulators/supabase.ts";
import { VercelSimulator } from "../../sandbox/simulators/vercel.ts";
import type { Properties } from "../../provider/wire/values.ts";
import { Lone, tryCells, type LoneOptions } from "../matrix/lone.ts";
import { startProxies } from "../matrix/proxies.ts";
import { Wire } from "../matrix/wire.ts";

const ref = "abcdefghijklmnopqrst";
const ours = (names: string[]): number => names.filter((name) => /rotation[-_]matrix[-_]/.test(name)).length;

/** A vendor with nothing of ours yet, and how its kind is set up at an address. */
interface Setting {
  kind: string;
  url: string;
  args: (url: string) => Properties;
  settings: (url: string) => Record<string, string>;
  live: () => number;
  stop: () => Promise<void>;
}

const vendors: Record<string, () => Promise<Setting>> = {
  Resend: async () => {
    const domains = [{ id: "4dd369bc-aa82-4ff3-97de-514ae3000ee0", name: "visanet.app" }];
    const sim = await new ResendSimulator({ adminKey: "re_admin", domains, limitScale: 1000 }).start();
    return {
      ...{ kind: "resend-key", url: sim.url, stop: () => sim.stop(), live: () => ours(sim.liveKeys) },
      args: () => ({ from: "noreply@visanet.app", quietMinutes: 0 }),
      settings: (url) => ({ resendUrl: url, resendAdminKey: "re_admin" }),
    };
  },
  Supabase: async () => {
    const projects = [{ ref, anonKey: "eyJ.anon.x", serviceRoleKey: "eyJ.service.x" }];
    const sim = await new SupabaseSimulator({ accessToken: "sbp_1", projects, limitScale: 1000 }).start();
    return {
      ...{ kind: "supabase-key", url: sim.url, stop: () => sim.stop(), live: () => ours(sim.liveKeys(ref)) },
      args: (url) => ({ projectRef: ref, type: "secret", projectUrl: `${url}/data/${ref}` }),
      settings: (url) => ({ supabaseUrl: url, supabaseAccessToken: "sbp_1" }),
    };
  },
  Vercel: async () => {
    const sim = await new VercelSimulator({ token: "initial-token", projects: [], limitScale: 1000 }).start();
    const names = (): string[] => (sim.names() as { tokens: { name: string }[] }).tokens.map(({ name }) => name);
    return {
      ...{ kind: "vercel-token", url: sim.url, stop: () => sim.stop(), live: () => ours(names()) },
      args: () => ({ intervalDays: 90, graceHours: 1, quietMinutes: 0 }),
      settings: (url) => ({ vercelUrl: url, vercelToken: "initial-token" }),
    };
  },
  OpenAI: async () => {
    const sim = await new OpenAiSimulator({ adminKey: "sk-admin-1", project: "proj_test", limitScale: 1000 }).start();
    return {
      ...{ kind: "openai-key", url: sim.url, stop: () => sim.stop(), live: () => ours(sim.accounts) },
      args: () => ({ project: "proj_test", quietMinutes: 0 }),
      settings: (url) => ({ openaiUrl: `${url}/v1`, openaiAdminKey: "sk-admin-1" }),
    };
  },
};

describe("credentials: faults at every call of a vendor's keys", function () {
  this.timeout(process.env["MATRIX"] === "all" ? 1_800_000 : 120_000);
  for (const [vendor, start] of Object.entries(vendors))
    it(vendor, async () => {
      const setting = await start();
      const wire = new Wire();
      wire.hangMs = 3_000;
      const proxies = await startProxies(wire, { VENDOR_API_URL: setting.url });
      const through = proxies.env["VENDOR_API_URL"] ?? "";
      const common = { fingerprintKey: "f".repeat(64), patienceSeconds: "4" };
      const options: LoneOptions = {
        kind: setting.kind,
        args: setting.args(through),
        settings: { ...common, ...setting.settings(through) },
        direct: { args: setting.args(setting.url), settings: { ...common, ...setting.settings(setting.url) } },
        live: async () => setting.live(),
        // Their clocks tick in seconds.
        quietMs: 1100,
      };
      try {
        console.log(`      ${await tryCells(new Lone(wire, options), ["time-out"])}`);
      } finally {
        await proxies.stop();
        await setting.stop();
      }
    });
});
