// Asks every service that a run will touch whether it can, before the first effect of the run.
import { reveal, type Properties } from "./wire/values.ts";
import { request, VendorError, type Vendor } from "./vendors/http.ts";
import type { Settings } from "./settings.ts";
import { flag, list, number, text } from "./resources/inputs.ts";

/**
 * `rotation:index:preflight`
 *
 * Arguments: `vault` (`{address, token, mounts[]}`), `github` (`{baseUrl, token, repositories[]}`, as `owner/name`),
 * `renderServices[]`, `vercelProjects[]`, `deployments[]` (`{deployment, minimumReplicas, configMaps?, context?}`); each may be left out.
 * @returns `problems`: a sentence for each thing that is wrong, with what to do about it; never a value
 */
export async function preflight(settings: Settings, args: Properties): Promise<Properties> {
  const vault = reveal(args["vault"]) as Properties | undefined;
  const github = reveal(args["github"]) as Properties | undefined;
  const patienceSeconds = Math.min(8, settings.patienceSeconds());
  const checks = [
    ...(vault
      ? [checkVault(patienceSeconds, text(vault, "address"), text(vault, "token"), list(vault, "mounts"))]
      : []),
    ...(github
      ? list(github, "repositories").map((name) =>
          checkRepository(patienceSeconds, text(github, "baseUrl"), text(github, "token"), name),
        )
      : []),
    ...list(args, "renderServices").map(async (id) => settings.render(patienceSeconds).service(id)),
    ...list(args, "vercelProjects").map(async (id) => settings.vercel(patienceSeconds).project(id)),
    ...list<Properties>(args, "deployments").map(async (each) => {
      const terms = { deployment: text(each, "deployment"), minimumReplicas: number(each, "minimumReplicas", 0) };
      await settings.kubernetes(text(each, "context"), patienceSeconds).usable(terms, flag(each, "configMaps"));
    }),
  ];
  const results = await Promise.allSettled(checks);
  const reasons = results.flatMap((result) => (result.status === "rejected" ? [(result.reason as Error).message] : []));
  return { problems: [...new Set(reasons)] };
}

async function checkVault(patienceSeconds: number, address: string, token: string, mounts: string[]): Promise<void> {
  if (!token)
    throw new Error("The Vault token is missing. Set VAULT_TOKEN, or: pulumi config set --secret vault:token");
  const vendor: Vendor = {
    name: "Vault",
    baseUrl: address.replace(/\/$/, ""),
    headers: { "x-vault-token": token },
    tokenName: "VAULT_TOKEN",
    patienceSeconds,
  };
  const health = await request(vendor, {
    method: "GET",
    path: "/v1/sys/health?standbyok=true",
    purpose: "tell its state",
    accept: [429, 472, 473, 501, 503],
  });
  if (health.status === 503)
    throw new Error(`Vault at ${address} is sealed. Unseal it with "vault operator unseal", then run again.`);
  if (health.status === 501)
    throw new Error(
      `Vault at ${address} is not initialised. Initialise it with "vault operator init", then run again.`,
    );
  await request(vendor, {
    method: "GET",
    path: "/v1/auth/token/lookup-self",
    purpose: "look up the token it was given",
  });
  for (const mount of mounts) await checkMount(vendor, address, mount);
}

async function checkMount(vendor: Vendor, address: string, mount: string): Promise<void> {
  const reply = await request(vendor, {
    method: "GET",
    path: `/v1/sys/internal/ui/mounts/${mount}`,
    purpose: `describe the mount "${mount}"`,
    accept: [400, 403, 404],
  });
  const { data } = (reply.body ?? {}) as { data?: { type?: string; options?: { version?: string } } };
  if (reply.status !== 200 || !data)
    throw new Error(
      `Vault at ${address} has no mount "${mount}" that this token may use. Create it with "vault secrets enable -path=${mount} kv-v2", or give the token a policy for it.`,
    );
  if (data.type !== "kv" || data.options?.version !== "2")
    throw new Error(
      `The mount "${mount}" of Vault at ${address} is ${data.type ?? "unknown"} version ${data.options?.version ?? "1"}; a KV version 2 mount is needed.`,
    );
}

async function checkRepository(
  patienceSeconds: number,
  baseUrl: string,
  token: string,
  repository: string,
): Promise<void> {
  if (!token)
    throw new Error("The GitHub token is missing. Set GITHUB_TOKEN, or: pulumi config set --secret github:token");
  const root = baseUrl.replace(/\/$/, "");
  const api = /\/\/api\.github\.com$/.test(root) ? root : `${root}/api/v3`;
  const vendor: Vendor = {
    name: "GitHub",
    baseUrl: api,
    headers: { authorization: `Bearer ${token}` },
    tokenName: "GITHUB_TOKEN",
    patienceSeconds,
  };
  try {
    await request(vendor, {
      method: "GET",
      path: `/repos/${repository}/actions/secrets/public-key`,
      purpose: `read the public key for secrets of ${repository}`,
    });
  } catch (error) {
    if (error instanceof VendorError && error.status === 404)
      throw new Error(
        `GitHub knows no repository "${repository}" for this token. Check the name, and that the token may write its secrets.`,
        { cause: error },
      );
    throw error;
  }
}
