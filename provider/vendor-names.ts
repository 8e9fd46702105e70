// What lies at the vendors, by name: asked for by the program in each run, and kept in the state by a resource, so that
// the policy pack can compare it with what the stack rotates. Policies make no calls of their own.
import { list, required, text } from "./resources/inputs.ts";
import type { Settings } from "./settings.ts";
import type { Vendor } from "./vendors/http.ts";
import { githubRoot, namesAt } from "./vendors/names.ts";
import type { Resource } from "./wire/contract.ts";
import { reveal, type Properties } from "./wire/values.ts";

/**
 * `rotation:index:vendorNames`
 *
 * Arguments: `renderServices[]`, `vercelProjects[]`, `github` (`{baseUrl, token, repositories[]}`, as `owner/name`);
 * each may be left out.
 * @returns `places[]` (`{place, names[]}`, like `render:srv-...`), and `problems[]`: a sentence for each place that did
 * not answer, whose names are then missing
 */
export async function vendorNames(settings: Settings, args: Properties): Promise<Properties> {
  const github = reveal(args["github"]) as Properties | undefined;
  const patienceSeconds = Math.min(8, settings.patienceSeconds());
  const vendor = (name: string, baseUrl: string, token: string, tokenName: string): Vendor => ({
    ...{ name, baseUrl: baseUrl.replace(/\/$/, ""), tokenName, patienceSeconds },
    headers: { authorization: `Bearer ${token}` },
  });
  const team = settings.get("vercelTeamId");
  const asked = [
    ...list(args, "renderServices").map(async (id) => {
      const token = settings.require("renderApiKey", "The Render API key");
      const at = vendor("Render", settings.get("renderUrl") ?? "https://api.render.com/v1", token, "RENDER_API_KEY");
      return { place: `render:${id}`, names: await namesAt("render", at, id) };
    }),
    ...list(args, "vercelProjects").map(async (id) => {
      const token = settings.require("vercelToken", "The Vercel token");
      const at = vendor("Vercel", settings.get("vercelUrl") ?? "https://api.vercel.com", token, "VERCEL_API_TOKEN");
      const within = team ? `${id}?teamId=${encodeURIComponent(team)}` : id;
      return { place: `vercel:${id}`, names: await namesAt("vercel", at, within) };
    }),
    ...(github ? list(github, "repositories") : []).map(async (id) => {
      const at = vendor(
        "GitHub",
        githubRoot(text(github ?? {}, "baseUrl")),
        text(github ?? {}, "token"),
        "GITHUB_TOKEN",
      );
      return { place: `github:${id}`, names: await namesAt("github", at, id) };
    }),
  ];
  const results = await Promise.allSettled(asked);
  return {
    places: results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : [])),
    problems: results.flatMap((result) => (result.status === "rejected" ? [(result.reason as Error).message] : [])),
  };
}

/**
 * `rotation:index:VendorNames`. Inputs: `places[]` as `vendorNames` gives them, and `plain[]`, the names that a person
 * has said are no secrets. It has no effect; a name that somebody adds at a vendor shows as a change.
 */
export const vendorNamesKept: Resource = {
  token: "rotation:index:VendorNames",
  check: ({ inputs }) => ({ inputs, failures: required(inputs, "places") }),
  create: async ({ inputs, name }) => ({ id: name, outputs: inputs }),
  update: async ({ inputs }) => inputs,
};
