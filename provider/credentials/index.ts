// Every kind of credential that can be issued, by its name.
import type { Settings } from "../settings.ts";
import { anthropicKey } from "./anthropic-key.ts";
import type { CredentialKind } from "./kind.ts";
import { openaiKey } from "./openai-key.ts";
import { postgresLogin } from "./postgres-login.ts";
import { redisAclUser } from "./redis-acl-user.ts";
import { resendKey } from "./resend-key.ts";
import { stripeKey } from "./stripe-key.ts";
import { supabaseKey } from "./supabase-key.ts";
import { upstashPassword } from "./upstash-password.ts";
import { vaultStaticRole } from "./vault-static-role.ts";
import { vercelToken } from "./vercel-token.ts";
import { visapiKey } from "./visapi-key.ts";

/** @param settings where a kind finds the vendor that it calls */
export function credentialKinds(settings: Settings): ReadonlyMap<string, CredentialKind> {
  const kinds: CredentialKind[] = [
    postgresLogin(),
    vaultStaticRole(settings),
    redisAclUser(),
    upstashPassword(),
    supabaseKey(settings),
    resendKey(settings),
    vercelToken(settings),
    visapiKey(settings),
    openaiKey(settings),
    anthropicKey(settings),
    stripeKey(settings),
  ];
  return new Map(kinds.map((kind) => [kind.kind, kind]));
}
