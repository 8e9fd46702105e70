import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal } from "./answers.ts";
import type { SupabaseProject } from "./supabase.ts";

interface Route {
  Params: { ref: string };
}

/**
 * What a project serves to whoever shows a key in the header `apikey`: the description of its tables (to secret keys)
 * and the settings of its sign-in (to any key).
 */
export function dataRoutes(app: FastifyInstance, projectOf: (ref: string) => SupabaseProject | undefined): void {
  app.get<Route>("/data/:ref/rest/v1/", async (request) => {
    if (roleOf(request, projectOf(request.params.ref)) !== "service_role")
      throw new Refusal(403, {
        message: "Access to schema is forbidden",
        hint: "Accessing the schema via the Data API is only allowed using a secret API key.",
      });
    return { swagger: "2.0", info: { title: "standard public schema", version: "14.1" }, paths: {} };
  });
  app.get<Route>("/data/:ref/auth/v1/settings", async (request) => {
    roleOf(request, projectOf(request.params.ref));
    return { external: { email: true }, disable_signup: false, mailer_autoconfirm: false };
  });
}

/** The database role that the request's key stands for. @throws Refusal 401 as the gateway says it */
function roleOf(request: FastifyRequest, project: SupabaseProject | undefined): "anon" | "service_role" {
  const given = request.headers.apikey;
  if (typeof given !== "string")
    throw new Refusal(401, {
      message: "No API key found in request",
      hint: "No `apikey` request header or url param was found.",
    });
  const key = project?.keys.find(({ value }) => value === given);
  if (!project || !key)
    throw new Refusal(401, {
      message: "Invalid API key",
      hint: "Double check your Supabase `anon` or `service_role` API key.",
    });
  if (key.type === "legacy" && !project.legacyEnabled)
    throw new Refusal(401, { message: "Legacy API keys are disabled", hint: "Use a publishable or secret key." });
  if (key.type === "secret" && /^Mozilla\//.test(request.headers["user-agent"] ?? ""))
    throw new Refusal(401, { message: "Forbidden use of secret API key in browser" });
  return key.type === "secret" || key.name === "service_role" ? "service_role" : "anon";
}
