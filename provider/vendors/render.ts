// Render's REST API, as far as rotation needs it (render-oss/sdk, OpenAPI types; docs: api-docs.render.com).
import { request, type Reply, type Vendor } from "./http.ts";
import type { RolloutTarget } from "../rollout.ts";

const bad = new Set(["build_failed", "pre_deploy_failed", "update_failed", "canceled", "deactivated"]);

interface Deploy {
  id: string;
  status: string;
  createdAt: string;
}

export class Render {
  readonly #vendor: Vendor;
  constructor(baseUrl: string, token: string, patienceSeconds?: number) {
    this.#vendor = {
      name: "Render",
      baseUrl,
      headers: { authorization: `Bearer ${token}` },
      tokenName: "RENDER_API_KEY",
      ...(patienceSeconds === undefined ? {} : { patienceSeconds }),
    };
  }

  async service(serviceId: string): Promise<void> {
    await request(this.#vendor, {
      method: "GET",
      path: `/services/${serviceId}`,
      purpose: `look up service ${serviceId}`,
    });
  }

  /** The value as the service has it, `undefined` where the variable is not set. */
  async envVar(serviceId: string, key: string): Promise<string | undefined> {
    const path = `/services/${serviceId}/env-vars/${key}`;
    const reply = await request(this.#vendor, {
      method: "GET",
      path,
      purpose: `read ${key} of service ${serviceId}`,
      accept: [404],
    });
    return reply.status === 404 ? undefined : (reply.body as { value: string }).value;
  }

  /** Adds or changes one variable; the others stay (the bulk call would replace them all). */
  setEnvVar(serviceId: string, key: string, value: string): Promise<Reply> {
    const path = `/services/${serviceId}/env-vars/${key}`;
    return request(this.#vendor, {
      method: "PUT",
      path,
      body: { value },
      purpose: `set ${key} on service ${serviceId}`,
    });
  }

  removeEnvVar(serviceId: string, key: string): Promise<Reply> {
    const path = `/services/${serviceId}/env-vars/${key}`;
    return request(this.#vendor, {
      method: "DELETE",
      path,
      purpose: `remove ${key} from service ${serviceId}`,
      accept: [404],
    });
  }

  rollout(serviceId: string): RolloutTarget {
    const path = `/services/${serviceId}/deploys`;
    const latest = async (): Promise<Deploy | undefined> => {
      const reply = await request(this.#vendor, {
        method: "GET",
        path: `${path}?limit=1`,
        purpose: `list deploys of service ${serviceId}`,
      });
      const [first] = reply.body as { deploy: Deploy }[];
      return first?.deploy;
    };
    const view = (deploy: Deploy) => ({
      id: deploy.id,
      createdAt: new Date(deploy.createdAt),
      status: deploy.status,
      state:
        deploy.status === "live"
          ? ("live" as const)
          : bad.has(deploy.status)
            ? ("failed" as const)
            : ("running" as const),
    });
    return {
      name: `Render service ${serviceId}`,
      latest: async () => {
        const deploy = await latest();
        return deploy && view(deploy);
      },
      start: async () => {
        const body = { clearCache: "do_not_clear" };
        const reply = await request(this.#vendor, {
          method: "POST",
          path,
          body,
          purpose: `deploy service ${serviceId}`,
        });
        // 202 has no body: the deploy is queued, and the newest in the list is it.
        const deploy = reply.status === 202 ? await latest() : (reply.body as Deploy);
        return deploy && view(deploy);
      },
      get: async (id) => {
        const reply = await request(this.#vendor, {
          method: "GET",
          path: `${path}/${id}`,
          purpose: `read deploy ${id}`,
        });
        return view(reply.body as Deploy);
      },
    };
  }
}
