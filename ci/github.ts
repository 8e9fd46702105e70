// GitHub's REST API, as far as the workflows need it.
import { request } from "../provider/vendors/http.ts";
import type { Context } from "./context.ts";

export interface Comment {
  id: number;
  body: string;
}
export interface Issue {
  number: number;
  body: string | null;
}
export interface Run {
  event: string;
  run_attempt: number;
  run_started_at: string;
  head_branch: string;
  actor: Account;
  triggering_actor: Account;
}
/** One attempt of a run (docs.github.com/rest/actions/workflow-runs, "Get a workflow run attempt"). */
export interface Attempt {
  /** `queued`, `in_progress`, `waiting`, ..., and `completed` however it ended. */
  status: string;
  /** RFC 3339: of an attempt that has ended, not before it did. */
  updated_at: string;
}
export interface Account {
  login: string;
  /** "User", "Bot" or "Organization". */
  type: string;
}
export interface Approval {
  state: string;
  user: Account;
  environments: { name: string }[];
}

export class Repository {
  readonly #context: Context;
  constructor(context: Context) {
    this.#context = context;
  }

  /** Calls something below `/repos/<owner>/<name>`; @returns the answer's body */
  async call<Body>(
    method: "GET" | "POST" | "PATCH" | "PUT",
    path: string,
    purpose: string,
    { body, accept = [] }: { body?: unknown; accept?: number[] } = {},
  ): Promise<{ status: number; body: Body }> {
    const { apiUrl, repository, token } = this.#context;
    const reply = await request(
      {
        name: "GitHub",
        baseUrl: `${apiUrl.replace(/\/$/, "")}/repos/${repository}`,
        headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), "x-github-api-version": "2022-11-28" },
        tokenName: "CI_TOKEN",
        patienceSeconds: 60,
      },
      { method, path, purpose, accept, ...(body === undefined ? {} : { body }) },
    );
    return { status: reply.status, body: reply.body as Body };
  }

  /** All pages of a list. */
  async list<Item>(path: string, purpose: string): Promise<Item[]> {
    const items: Item[] = [];
    for (let page = 1; ; page++) {
      const separator = path.includes("?") ? "&" : "?";
      const { body } = await this.call<Item[]>("GET", `${path}${separator}per_page=100&page=${page}`, purpose);
      items.push(...body);
      if (body.length < 100) return items;
    }
  }

  async run(id: number): Promise<Run> {
    return (await this.call<Run>("GET", `/actions/runs/${id}`, "look up this run")).body;
  }

  /** Needs `actions: read`. */
  async attempt(id: number, attempt: number): Promise<Attempt> {
    const path = `/actions/runs/${id}/attempts/${attempt}`;
    return (await this.call<Attempt>("GET", path, "see whether an earlier run has ended")).body;
  }

  async approvals(id: number): Promise<Approval[]> {
    return (await this.call<Approval[]>("GET", `/actions/runs/${id}/approvals`, "read who approved this run")).body;
  }
}
