// Vercel's REST API, as far as rotation needs it (npm @vercel/sdk; vercel.com/docs/rest-api).
import { request, VendorError, type Reply, type Vendor } from "./http.ts";
import type { RolloutTarget } from "../rollout.ts";

export interface VercelVariable {
  projectId: string;
  key: string;
  targets: string[];
}

/** What a new deployment is built from; variables are read anew only for a build from a commit. */
export interface GitSource {
  type: "github" | "gitlab" | "bitbucket";
  org: string;
  repo: string;
  ref: string;
}

interface EnvItem {
  id: string;
  key: string;
  type: string;
  target?: string[] | string;
  updatedAt?: number;
}

interface Deployment {
  id?: string;
  uid?: string;
  createdAt?: number;
  created?: number;
  readyState?: string;
  state?: string;
}

export class Vercel {
  readonly #vendor: Vendor;
  readonly #team: string;
  /** @param teamId `team_...`; without it the token's own account */
  constructor(baseUrl: string, token: string, patienceSeconds?: number, teamId?: string) {
    this.#vendor = {
      name: "Vercel",
      baseUrl,
      headers: { authorization: `Bearer ${token}` },
      tokenName: "VERCEL_API_TOKEN",
      ...(patienceSeconds === undefined ? {} : { patienceSeconds }),
    };
    this.#team = teamId ? `teamId=${encodeURIComponent(teamId)}` : "";
  }

  #path(path: string): string {
    return this.#team ? `${path}${path.includes("?") ? "&" : "?"}${this.#team}` : path;
  }

  async project(projectId: string): Promise<void> {
    await request(this.#vendor, {
      method: "GET",
      path: this.#path(`/v9/projects/${projectId}`),
      purpose: `look up project ${projectId}`,
    });
  }

  /** The variable of that name whose targets overlap; values of sensitive ones cannot be read. */
  async find({
    projectId,
    key,
    targets,
  }: VercelVariable): Promise<{ id: string; type: string; updatedAt: number } | undefined> {
    const reply = await request(this.#vendor, {
      method: "GET",
      path: this.#path(`/v10/projects/${projectId}/env`),
      purpose: `list variables of project ${projectId}`,
    });
    const { envs } = reply.body as { envs: EnvItem[] };
    const found = envs.find(
      (item) => item.key === key && [item.target ?? []].flat().some((target) => targets.includes(target)),
    );
    return found && { id: found.id, type: found.type, updatedAt: found.updatedAt ?? 0 };
  }

  /** Sets the value by the variable's id where it exists (creating first fails on the name), else adds it; never readable again. */
  async set(variable: VercelVariable, value: string): Promise<{ id: string; date: Date }> {
    const { projectId, key, targets } = variable;
    const body = { key, value, type: "sensitive", target: targets };
    const purpose = `set ${key} of project ${projectId}`;
    const existing = await this.find(variable);
    // A variable of another type becomes sensitive only by being made anew; running deployments keep what they have.
    if (existing && existing.type !== "sensitive") await this.remove(projectId, existing.id);
    else if (existing) {
      const path = this.#path(`/v9/projects/${projectId}/env/${existing.id}`);
      const reply = await request(this.#vendor, {
        method: "PATCH",
        path,
        body: { value, type: "sensitive", target: targets },
        purpose,
      });
      return { id: existing.id, date: reply.date };
    }
    // With `upsert` the call may be repeated after a lost reply.
    const reply = await request(this.#vendor, {
      method: "POST",
      path: this.#path(`/v10/projects/${projectId}/env?upsert=true`),
      body,
      purpose,
      repeatable: true,
    });
    const { created, failed } = reply.body as {
      created: EnvItem | EnvItem[];
      failed?: { error?: { code?: string } }[];
    };
    if (failed?.length)
      throw new VendorError(`Vercel refused (${failed[0]?.error?.code ?? "no code"}) to: ${purpose}.`, 400);
    const [item] = [created].flat();
    if (!item) throw new VendorError(`Vercel answered without the variable to: ${purpose}.`);
    return { id: item.id, date: reply.date };
  }

  remove(projectId: string, id: string): Promise<Reply> {
    const path = this.#path(`/v9/projects/${projectId}/env/${id}`);
    return request(this.#vendor, {
      method: "DELETE",
      path,
      purpose: `remove variable ${id} of project ${projectId}`,
      accept: [404],
    });
  }

  rollout(projectId: string, name: string, gitSource: GitSource): RolloutTarget {
    const view = (deployment: Deployment) => {
      const status = deployment.readyState ?? deployment.state ?? "QUEUED";
      return {
        id: deployment.id ?? deployment.uid ?? "",
        createdAt: new Date(deployment.createdAt ?? deployment.created ?? 0),
        status,
        state:
          status === "READY"
            ? ("live" as const)
            : ["ERROR", "CANCELED", "BLOCKED"].includes(status)
              ? ("failed" as const)
              : ("running" as const),
      };
    };
    return {
      name: `Vercel project ${projectId}`,
      latest: async () => {
        const path = this.#path(`/v7/deployments?projectId=${encodeURIComponent(projectId)}&target=production&limit=1`);
        const reply = await request(this.#vendor, {
          method: "GET",
          path,
          purpose: `list deployments of project ${projectId}`,
        });
        const [first] = (reply.body as { deployments: Deployment[] }).deployments;
        return first && view(first);
      },
      start: async () => {
        const body = { name, project: projectId, target: "production", gitSource };
        const reply = await request(this.#vendor, {
          method: "POST",
          path: this.#path("/v13/deployments?forceNew=1"),
          body,
          purpose: `deploy project ${projectId}`,
        });
        return view(reply.body as Deployment);
      },
      get: async (id) => {
        const reply = await request(this.#vendor, {
          method: "GET",
          path: this.#path(`/v13/deployments/${id}`),
          purpose: `read deployment ${id}`,
        });
        return view(reply.body as Deployment);
      },
    };
  }
}
