// Everybody who depends on a secret of VisAPI, all at once, on top of its stores: people who signed in, the scheduled
// call of the front end, the API's own calls of Resend and Supabase, and jobs that work with vendors' keys themselves.
import { accepted } from "../../provider/vendors/supabase.ts";
import { signIn, use, type Session } from "./client.ts";
import { ask, StoresLoad } from "./stores-load.ts";
import { ci, stores, valuesOf, vendorKeys, type Values } from "./visapi-secrets.ts";
import type { World } from "./world.ts";

/** A job that starts anew reads its secrets anew: GitHub Actions hands them over at its start. */
const jobMs = 500;

export class VisapiLoad extends StoresLoad {
  readonly #world: World;
  #session: Session;
  #held: Values;
  readonly #timer: NodeJS.Timeout;

  static async start(world: World): Promise<VisapiLoad> {
    const api = world.sandbox.env["VISAPI_API_URL"] ?? "";
    return new VisapiLoad(world, await signIn(api), await valuesOf(world, [...stores, ...vendorKeys]));
  }

  private constructor(world: World, session: Session, held: Values) {
    const env = (name: string): string => world.sandbox.env[name] ?? "";
    const urls = async (): Promise<{ database: string; redis: string }> => {
      const { DATABASE_URL: database = "", REDIS_URL: redis = "" } = await valuesOf(world, stores);
      return { database, redis };
    };
    super({ api: env("VISAPI_API_URL"), apiKey: world.sandbox.secrets.adminApiKey, urls });
    this.#world = world;
    this.#session = session;
    this.#held = held;
    this.#timer = setInterval(
      () =>
        void valuesOf(world, vendorKeys)
          .then((now) => (this.#held = now))
          .catch(() => undefined),
      jobMs,
    );

    this.repeat("session", 20, async () => {
      const said = await use(env("VISAPI_API_URL"), this.#session);
      if (said.token !== 200 || said.cookie !== 200) throw new Error(`${said.token}, ${said.cookie}`);
    });
    this.repeat("cron", 60, () => ask(`${env("VISAPI_APP_URL")}/api/cron`));
    const headers = { "x-api-key": world.sandbox.secrets.adminApiKey, connection: "close" };
    for (const what of ["email", "supabase", "queue"])
      this.repeat(what, 150, () => ask(`${env("VISAPI_API_URL")}/api/v1/test/${what}`, { method: "POST", headers }));
    this.repeat("admin key", 60, () =>
      ask(`${env("VISAPI_API_URL")}/api/v1/workflows`, {
        headers: { "x-api-key": ci(this.#held)["VISAPI_ADMIN_API_KEY"] ?? "", connection: "close" },
      }),
    );
    this.repeat("vercel", 150, () =>
      ask(`${env("VERCEL_API_URL")}/v2/user`, {
        headers: { authorization: `Bearer ${ci(this.#held)["VERCEL_API_TOKEN"]}`, connection: "close" },
      }),
    );
    for (const [type, name] of [
      ["secret", "SUPABASE_SERVICE_ROLE_KEY"],
      ["publishable", "SUPABASE_ANON_KEY"],
    ] as const)
      this.repeat("supabase", 150, async () => {
        if (!(await accepted(env("SUPABASE_URL"), type, this.#held[name] ?? ""))) throw new Error(`${name} is refused`);
      });
  }

  /** People's tokens live for an hour, no longer than the old value: whoever comes later has signed in anew. */
  async hourPasses(): Promise<void> {
    this.#session = await signIn(this.#world.sandbox.env["VISAPI_API_URL"] ?? "");
  }

  override async stop(): Promise<void> {
    clearInterval(this.#timer);
    await super.stop();
  }
}
