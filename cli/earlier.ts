// Where an earlier value can come from, looked up before anything is asked for.
import { keptVersion } from "../provider/vendors/vault-versions.ts";
import { Failure, UsageError, type Call } from "./command.ts";
import type { Verdict } from "./hand-overs/guide.ts";
import { guideFor } from "./hand-overs/index.ts";
import { nameOf, secretOf, type Row } from "./inventory.ts";

export interface Earlier {
  generation: number;
  /** For people: `version 3 in Vault`. */
  from: string;
  /** Where Vault keeps it; absent for an issued credential, whose service must still accept it. */
  mount?: string;
  path?: string;
}

/** @throws UsageError or Failure that says why it cannot come back */
export async function earlier(call: Call, row: Row, generation: number): Promise<Earlier> {
  if (generation <= row.revoked)
    throw new UsageError(
      `${row.name} cannot go back to generation ${generation}: it was revoked in an emergency. For another value: rotate emergency --secret ${row.secret} --reason "..."`,
    );
  const mine = (await call.engine.state()).resources.filter(({ urn }) => secretOf(nameOf(urn)) === row.name);
  const credential = mine.find(({ type }) => type === "rotation:index:Credential");
  if (credential) return slot(row, credential.outputs ?? {}, mine, generation);
  const keys = mine.find(({ type }) => type === "rotation:index:KeySet")?.outputs;
  if (keys) return signingKey(row, keys, generation);
  const { mount, path } = entryOf(mine) ?? {};
  if (mount === undefined || path === undefined)
    throw new UsageError(`${row.name} is not kept in Vault, so no earlier value of it is known.`);
  const { VAULT_ADDR: address, VAULT_TOKEN: token } = call.io.env;
  if (!address || !token)
    throw new UsageError("Vault keeps the earlier values. Set VAULT_ADDR and VAULT_TOKEN, as for a run.");
  try {
    const { version, value } = await keptVersion({ address, token, mount, path }, generation);
    if (row.handedOver) await alive(call, row, generation, value);
    return { generation, from: `version ${version} in Vault`, mount, path };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new Failure(`${row.name}: ${(error as Error).message}`);
  }
}

/** What a person once fetched may have been ended at its vendor since. @throws UsageError with the vendor's words */
async function alive({ io }: Call, row: Row, generation: number, value: string): Promise<void> {
  const guide = guideFor(row.name);
  if (guide.endsOld)
    throw new UsageError(
      `${row.name} cannot go back to generation ${generation}: ${guide.vendor} ended that one when it made the next. For another value: rotate hand-over ${row.secret}`,
    );
  const checked = await guide
    .check(value, io.env, true)
    .catch((): Verdict => ({ verdict: "shape only", said: "the vendor gave no answer" }));
  if (checked.verdict === "refused")
    throw new UsageError(
      `${row.name} cannot go back to generation ${generation}: ${checked.said}. For another value: rotate hand-over ${row.secret}`,
    );
  if (checked.verdict === "shape only")
    io.say(`${row.name}: whether generation ${generation} is still valid cannot be told beforehand: ${checked.said}`);
}

/** Where Vault keeps a secret, by the resources below it. */
export function entryOf(
  resources: { type: string; inputs?: Record<string, unknown> }[],
): { mount: string; path: string } | undefined {
  const { inputs = {} } =
    resources.find(({ type }) => type === "vault:kv/secretV2:SecretV2" || type === "rotation:vault:KeyPair") ?? {};
  const [mount, path] = [inputs["mount"], inputs["name"] ?? inputs["path"]];
  return typeof mount === "string" && typeof path === "string" ? { mount, path } : undefined;
}

/** A signing key can only go back to the one before it, while that is published; Vault's versions have its private half. */
function signingKey(row: Row, outputs: Record<string, unknown>, generation: number): Earlier {
  const { retired = [] } = (outputs["slots"] ?? {}) as { retired?: { kid: string }[] };
  const before = retired.at(-1);
  if (!before || generation !== row.generation - 1)
    throw new UsageError(
      `${row.name} cannot go back to generation ${generation}: its key is published no longer, so that nobody would believe what it signs. For another one: rotate emergency --secret ${row.secret} --reason "..."`,
    );
  return { generation, from: `the key that is still published (${before.kid})` };
}

/** An issued credential can only go back to the one before it, while its service still accepts it. */
function slot(
  row: Row,
  outputs: Record<string, unknown>,
  mine: { type: string; outputs?: Record<string, unknown> }[],
  generation: number,
): Earlier {
  const reference = typeof outputs["previousReference"] === "string" ? outputs["previousReference"] : "";
  const revocation = mine.find(({ type }) => type === "rotation:index:Revocation")?.outputs;
  const why = 'its service does not accept it any more. For another one: rotate emergency --secret X --reason "..."';
  if (reference === "" || revocation?.["done"] === true || generation !== row.generation - 1)
    throw new UsageError(`${row.name} cannot go back to generation ${generation}: ${why.replace("X", row.secret)}`);
  return { generation, from: `the slot that is still valid (${reference})` };
}
