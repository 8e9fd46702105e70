// The types of resource that the rules know: what takes a secret, what makes one, what belongs to its rotation.
import { types } from "./run.ts";

export interface DestinationKind {
  /** Properties that carry the value. */
  values: readonly string[];
  /** Properties that must not be used, with what to use instead. */
  refused?: Readonly<Record<string, string>>;
  /** What reads it there: a service that runs all the time, or jobs that read it when they are queued. */
  consumer?: "service" | "jobs";
}

const github: DestinationKind = {
  values: ["value"],
  refused: { plaintextValue: "value", encryptedValue: "value", valueEncrypted: "value" },
  consumer: "jobs",
};
const entries: DestinationKind = { values: ["data", "stringData"], consumer: "service" };

export const destinations: Readonly<Record<string, DestinationKind>> = {
  "vault:kv/secretV2:SecretV2": { values: ["dataJson"] },
  "vault:kv/secret:Secret": { values: ["dataJson"] },
  "vault:generic/secret:Secret": { values: ["dataJson"] },
  "github:index/actionsSecret:ActionsSecret": github,
  "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret": github,
  "github:index/actionsOrganizationSecret:ActionsOrganizationSecret": github,
  "github:index/dependabotSecret:DependabotSecret": github,
  "github:index/dependabotOrganizationSecret:DependabotOrganizationSecret": github,
  "kubernetes:core/v1:Secret": entries,
  "rotation:vault:KeyPair": { values: ["value"] },
  "rotation:render:EnvVar": { values: ["value"], consumer: "service" },
  "rotation:vercel:EnvVar": { values: ["value"], consumer: "service" },
};

/** Vercel's own provider, as bridged to Pulumi: it shows values unless told not to, and creates before it deletes. */
export const bridgedVercel: readonly string[] = [
  "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable",
  "vercel:index/projectEnvironmentVariables:ProjectEnvironmentVariables",
  "vercel:index/sharedEnvironmentVariable:SharedEnvironmentVariable",
];

/** Makers of random secrets and keys, with the property whose change makes a new one; null where there is none. */
export const materials: Readonly<Record<string, string | null>> = {
  [types.password]: "keepers",
  "tls:index/privateKey:PrivateKey": null,
};

/** Random resources that show their value in their plain id (measured on the engine; `RandomPassword` does not). */
export const showing: readonly string[] = [
  "random:index/randomBytes:RandomBytes",
  "random:index/randomId:RandomId",
  "random:index/randomString:RandomString",
  "random:index/randomUuid:RandomUuid",
  "random:index/randomUuid4:RandomUuid4",
  "random:index/randomUuid7:RandomUuid7",
];

/** `RandomBytes` of `random:index/randomBytes:RandomBytes`: how a program calls it. */
export function shortName(type: string): string {
  return type.slice(type.lastIndexOf(":") + 1);
}
