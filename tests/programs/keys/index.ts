// An application that signs tokens and encrypts columns, with keys of a kind that is made quickly.
import * as pulumi from "@pulumi/pulumi";
import { Application } from "../../../components/application.ts";
import { preflight } from "../../../components/preflight.ts";
import { SigningKeys } from "../../../components/signing-keys.ts";
import { readStack } from "../../../components/stack.ts";
import { TransitKey } from "../../../components/transit-key.ts";

const stack = readStack(new pulumi.Config(), ["intelliflow"]);
await preflight({ vaultMounts: ["secret"] });
const application = new Application("intelliflow", stack);
new SigningKeys(application, "JWT_KEYS", {
  class: "CRITICAL",
  owner: "security@intelliflow.com",
  intervalDays: 7,
  algorithm: "ES256",
  tokenSeconds: 3600,
  path: "intelliflow/jwt",
});
new TransitKey(application, "transit-data", {
  class: "CRITICAL",
  owner: "security@intelliflow.com",
  intervalDays: 365,
  key: "intelliflow-data",
  databaseUrl: pulumi.secret(process.env["ENCRYPTED_DATABASE_URL"] ?? ""),
  tables: [{ table: "cards", key: "id", column: "card" }],
  graceHours: 24,
});
export const intelliflow = application.finish();
