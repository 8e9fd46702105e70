// Variables that one environment has and another has not: a secret that was added to staging and forgotten in
// production, or the other way round. By name; values are neither asked for nor kept.
import { githubRoot, namesAt, type Place } from "../provider/vendors/names.ts";
import { request, type Vendor } from "../provider/vendors/http.ts";
import type { State } from "./engine.ts";
import { destinationOf } from "./inventory.ts";

export interface Difference {
  /** `render:api`, `vercel:frontend`, `github:visapi`. */
  place: string;
  /** The environment that has them, and the one that has not. */
  has: string;
  lacks: string;
  names: string[];
}

type Env = NodeJS.ProcessEnv;
interface Where {
  kind: Place;
  /** The vendor's id of the service, project or repository. */
  id: string;
}

/** Of two stacks: the same place by its label, which is another service or project in each. */
export async function betweenStacks(
  [one, other]: [{ name: string; state: State }, { name: string; state: State }],
  env: Env,
): Promise<Difference[]> {
  const [mine, theirs] = [places(one.state), places(other.state)];
  const both = [...mine].flatMap(([label, where]) => {
    const there = theirs.get(label);
    // One repository for both is no difference.
    return there && there.id !== where.id ? [{ label, where, there }] : [];
  });
  const found = await Promise.all(
    both.map(async ({ label, where, there }) => {
      const [a, b] = await Promise.all(
        [where, there].map(({ kind, id }) => namesAt(kind, vendorOf(kind, env), within(kind, id, env))),
      );
      return differences(label, [one.name, a ?? []], [other.name, b ?? []]);
    }),
  );
  return found.flat();
}

/** Of one stack: the targets of each Vercel project, which have variables of their own. */
export async function withinVercel(state: State, env: Env): Promise<Difference[]> {
  const projects = [...places(state)].filter(([, { kind }]) => kind === "vercel");
  const found = await Promise.all(
    projects.map(async ([label, { id }]) => {
      const team = env["VERCEL_TEAM_ID"] ? `?teamId=${encodeURIComponent(env["VERCEL_TEAM_ID"])}` : "";
      const path = `/v10/projects/${id}/env${team}`;
      const { body } = await request(vendorOf("vercel", env), {
        method: "GET",
        path,
        purpose: `list variables of ${id}`,
      });
      const { envs } = body as { envs: { key: string; target?: string[] | string }[] };
      const of = (target: string): string[] =>
        envs.filter((each) => [each.target].flat().includes(target)).map(({ key }) => key);
      return differences(label, ["production", of("production")], ["preview", of("preview")]);
    }),
  );
  return found.flat();
}

export function differences(place: string, [a, inA]: [string, string[]], [b, inB]: [string, string[]]): Difference[] {
  const only = (these: string[], those: string[]): string[] =>
    [...new Set(these)].filter((name) => !those.includes(name)).sort();
  return [
    { place, has: a, lacks: b, names: only(inA, inB) },
    { place, has: b, lacks: a, names: only(inB, inA) },
  ].filter(({ names }) => names.length > 0);
}

function places(state: State): Map<string, Where> {
  const found = new Map<string, Where>();
  for (const resource of state.resources) {
    const label = destinationOf(resource);
    const kind = /^(render|vercel|github):/.exec(label ?? "")?.[1] as Place | undefined;
    const id = resource.inputs?.[{ render: "serviceId", vercel: "projectId", github: "repository" }[kind ?? "github"]];
    if (label && kind && typeof id === "string" && !label.includes("@")) found.set(label, { kind, id });
  }
  return found;
}

function within(kind: Place, id: string, env: Env): string {
  if (kind === "github") return `${env["GITHUB_OWNER"] ?? ""}/${id}`;
  return kind === "vercel" && env["VERCEL_TEAM_ID"] ? `${id}?teamId=${encodeURIComponent(env["VERCEL_TEAM_ID"])}` : id;
}

function vendorOf(kind: Place, env: Env): Vendor {
  const [name, baseUrl, tokenName] = {
    render: ["Render", env["RENDER_API_URL"] ?? "https://api.render.com/v1", "RENDER_API_KEY"] as const,
    vercel: ["Vercel", env["VERCEL_API_URL"] ?? "https://api.vercel.com", "VERCEL_API_TOKEN"] as const,
    github: ["GitHub", githubRoot(env["GITHUB_BASE_URL"] ?? "https://api.github.com"), "GITHUB_TOKEN"] as const,
  }[kind];
  const headers = { authorization: `Bearer ${env[tokenName] ?? ""}` };
  return { name, baseUrl: baseUrl.replace(/\/$/, ""), headers, tokenName, patienceSeconds: 60 };
}
