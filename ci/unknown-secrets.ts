// Variables at the vendors that no stack rotates: somebody put them there by hand. By name only; values are not kept.
import type { Vendor } from "../provider/vendors/http.ts";
import { githubRoot, namesAt } from "../provider/vendors/names.ts";
import type { State } from "../cli/engine.ts";

/** One place and what is in it. */
export interface Unknown {
  /** Like `render:srv-...`. */
  place: string;
  names: string[];
}

/** Names that platforms or people set and that are no secrets. */
const plain = /^(NODE_ENV|PORT|HOST|TZ|LOG_LEVEL|CI|NEXT_PUBLIC_.*|VERCEL(_.*)?|RENDER(_.*)?)$/;

type Inputs = Record<string, unknown>;

/**
 * Asks every service, project and repository that the stack writes to.
 * @param known names that a person has said are no secrets, from the config `plainVariables`
 */
export async function unknownSecrets(state: State, env: NodeJS.ProcessEnv, known: string[]): Promise<Unknown[]> {
  const places = [
    ...gather(state, /^rotation:render:EnvVar$/, "serviceId", "key").map(([id, mine]) =>
      renderNames(id, env).then(unlisted(`render:${id}`, mine)),
    ),
    ...gather(state, /^rotation:vercel:EnvVar$/, "projectId", "key").map(([id, mine]) =>
      vercelNames(id, env).then(unlisted(`vercel:${id}`, mine)),
    ),
    ...gather(state, /^github:index\/actionsSecret:/, "repository", "secretName").map(([id, mine]) =>
      githubNames(id, env).then(unlisted(`github:${id}`, mine)),
    ),
  ];
  function unlisted(place: string, mine: Set<string>): (names: string[]) => Unknown {
    return (names) => ({
      place,
      names: names.filter((name) => !mine.has(name) && !known.includes(name) && !plain.test(name)).sort(),
    });
  }
  return (await Promise.all(places)).filter(({ names }) => names.length > 0);
}

/** What the stack itself keeps, by place. */
function gather(state: State, type: RegExp, place: string, name: string): [string, Set<string>][] {
  const found = new Map<string, Set<string>>();
  for (const resource of state.resources) {
    const inputs: Inputs = resource.inputs ?? {};
    if (!type.test(resource.type) || typeof inputs[place] !== "string" || typeof inputs[name] !== "string") continue;
    found.set(inputs[place], (found.get(inputs[place]) ?? new Set()).add(inputs[name]));
  }
  return [...found];
}

function renderNames(id: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const url = env["RENDER_API_URL"] ?? "https://api.render.com/v1";
  return namesAt("render", vendorOf("Render", url, env, "RENDER_API_KEY"), id);
}

function vercelNames(id: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const url = env["VERCEL_API_URL"] ?? "https://api.vercel.com";
  const team = env["VERCEL_TEAM_ID"] ? `?teamId=${encodeURIComponent(env["VERCEL_TEAM_ID"])}` : "";
  return namesAt("vercel", vendorOf("Vercel", url, env, "VERCEL_API_TOKEN"), `${id}${team}`);
}

function githubNames(name: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const url = githubRoot(env["GITHUB_BASE_URL"] ?? "https://api.github.com");
  return namesAt("github", vendorOf("GitHub", url, env, "GITHUB_TOKEN"), `${env["GITHUB_OWNER"] ?? ""}/${name}`);
}

function vendorOf(name: string, baseUrl: string, env: NodeJS.ProcessEnv, tokenName: string): Vendor {
  const headers = { authorization: `Bearer ${env[tokenName] ?? ""}` };
  return { name, baseUrl: baseUrl.replace(/\/$/, ""), headers, tokenName, patienceSeconds: 60 };
}
