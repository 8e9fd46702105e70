// The names of the variables and secrets that a vendor holds, page by page. Values come with some of the answers and
// are dropped where they arrive.
import { request, type Vendor } from "./http.ts";

export type Place = "render" | "vercel" | "github";

/**
 * @param vendor whose base URL is the API's root, like `https://api.render.com/v1`
 * @param id a service, a project (with `?teamId=...` behind it where there is a team), or `owner/repository`
 * @throws VendorError
 */
export async function namesAt(place: Place, vendor: Vendor, id: string): Promise<string[]> {
  const list = { render, vercel, github }[place];
  return [...new Set(await list(vendor, id))].sort();
}

async function render(vendor: Vendor, id: string): Promise<string[]> {
  const names: string[] = [];
  for (let cursor = ""; ;) {
    const path = `/services/${id}/env-vars?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const { body } = await request(vendor, { method: "GET", path, purpose: `list variables of ${id}` });
    const items = body as { envVar: { key: string }; cursor: string }[];
    names.push(...items.map(({ envVar }) => envVar.key));
    cursor = items.at(-1)?.cursor ?? "";
    if (items.length < 100) return names;
  }
}

async function vercel(vendor: Vendor, id: string): Promise<string[]> {
  const [project = "", team] = id.split("?");
  const { body } = await request(vendor, {
    method: "GET",
    path: `/v10/projects/${project}/env${team ? `?${team}` : ""}`,
    purpose: `list variables of ${project}`,
  });
  return (body as { envs: { key: string }[] }).envs.map(({ key }) => key);
}

async function github(vendor: Vendor, id: string): Promise<string[]> {
  const names: string[] = [];
  for (let page = 1; ; page++) {
    const { body } = await request(vendor, {
      method: "GET",
      path: `/repos/${id}/actions/secrets?per_page=100&page=${page}`,
      purpose: `list secrets of ${id}`,
    });
    const { secrets } = body as { secrets: { name: string }[] };
    names.push(...secrets.map(({ name }) => name));
    if (secrets.length < 100) return names;
  }
}

/** The REST root of github.com or of a GitHub Enterprise Server. */
export function githubRoot(baseUrl: string): string {
  const root = baseUrl.replace(/\/$/, "");
  return /\/\/api\.github\.com$/.test(root) ? root : `${root}/api/v3`;
}
