// GitHub Actions secrets, of a repository or of one of its deployment environments.
import { ActionsEnvironmentSecret } from "@pulumi/github/actionsEnvironmentSecret.js";
import { ActionsSecret } from "@pulumi/github/actionsSecret.js";
import * as pulumi from "@pulumi/pulumi";
import type { Destination } from "./destination.ts";

export interface GithubArgs {
  /** The repository's name, without its owner (the provider's `owner`). */
  repository: string;
  /** The secret's name at GitHub. @default the secret's own name */
  name?: string;
  /** A deployment environment; its jobs read the secret when they start, others when they are queued. */
  environment?: string;
}

const names = /^(?!GITHUB_)[A-Za-z_][A-Za-z0-9_]*$/i;

/** @throws RunError for a name that holds its owner as well */
export function checkRepository(repository: string): void {
  if (repository.includes("/"))
    throw new pulumi.RunError(
      `The GitHub repository is "${repository}"; give its name alone, "${repository.split("/").pop()}", and the owner by: pulumi config set github:owner ${repository.split("/")[0]}`,
    );
}

export function githubActions({ repository, name, environment }: GithubArgs): Destination {
  checkRepository(repository);
  return {
    label: `github:${repository}${environment ? `@${environment}` : ""}`,
    health: [],
    proofs: () => [],
    deliver: ({ secret, current, part, options }) => {
      const secretName = name ?? secret;
      if (!names.test(secretName))
        throw new pulumi.RunError(
          `The GitHub secret is named "${secretName}"; use letters, digits and "_", no digit first, and not GITHUB_...`,
        );
      const resource = environment
        ? new ActionsEnvironmentSecret(
            part(`github-${environment}`),
            { repository, environment, secretName, value: current },
            options,
          )
        : new ActionsSecret(part("github"), { repository, secretName, value: current }, options);
      return { resources: [resource] };
    },
  };
}
