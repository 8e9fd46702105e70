// What the resources of one repository have in common: its number, which outlives a renaming (`github/util_diff.go`),
// and ids made of parts (`github/util.go`: colons inside a part are written as `??`).
import type { Properties } from "../../../provider/wire/contract.ts";
import { GithubError, type Answer, type GithubClient } from "./client.ts";

export async function repositoryPath(client: GithubClient, repository: unknown): Promise<string> {
  return `repos/${await client.owner()}/${encodeURIComponent(String(repository))}`;
}

export async function repositoryId(client: GithubClient, { repository }: Properties): Promise<number> {
  const { body } = await client.call("GET", await repositoryPath(client, repository));
  return body["id"] as number;
}

/** A renamed repository keeps its number and is no reason to replace. One that cannot be found is none either. */
export async function anotherRepository(
  client: GithubClient,
  inputs: Properties,
  outputs: Properties,
): Promise<boolean> {
  if (typeof inputs["repository"] !== "string" || !outputs["repositoryId"]) return true;
  try {
    return (await repositoryId(client, inputs)) !== outputs["repositoryId"];
  } catch (error) {
    if (error instanceof GithubError && error.status === 404) return false;
    throw error;
  }
}

export function joinId(...parts: string[]): string {
  const [repository = "", ...rest] = parts;
  return [repository, ...rest.map((part) => part.replaceAll(":", "??"))].join(":");
}

/** @throws Error for an id with another number of parts, as an import would give */
export function splitId(id: string, format: string): string[] {
  const parts = id.split(":");
  if (parts.length !== format.split(":").length) throw new Error(`invalid id (${id}), expected format ${format}`);
  return parts.map((part, index) => (index === 0 ? part : part.replaceAll("??", ":")));
}

/** For `catch`: what is not there, or not any more, is undefined. */
export function gone(error: unknown): undefined {
  if (error instanceof GithubError && error.status === 404) return undefined;
  throw error;
}

export type { Answer };
