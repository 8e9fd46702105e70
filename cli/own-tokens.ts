// The end of a token that a run itself works with. That run never ends it; a second one does, given the successor as
// the next scheduled run would be given it. The value goes from Vault to the child's environment, and nowhere else.
import { keptVersion } from "../provider/vendors/vault-versions.ts";
import type { Call } from "./command.ts";
import { up } from "./commands/run.ts";
import { entryOf } from "./earlier.ts";
import { Engine } from "./engine.ts";
import { nameOf, secretOf } from "./inventory.ts";
import { inventory } from "./secrets.ts";

/** @param names full names of the secrets that have just been rotated */
export async function endOwnTokens(call: Call, names: string[]): Promise<void> {
  const { io, options } = call;
  const rows = (await inventory(call)).filter(({ name, worksWith }) => names.includes(name) && worksWith !== "");
  if (rows.length === 0) return;
  const { resources } = await call.engine.state();
  const { VAULT_ADDR: address, VAULT_TOKEN: token } = io.env;
  const successors: Record<string, string> = {};
  for (const { name, generation, worksWith } of rows) {
    const entry = entryOf(resources.filter(({ urn }) => secretOf(nameOf(urn)) === name));
    if (!address || !token || !entry) {
      io.say(
        `${name}: the old one is what this run worked with. Run again with the new one in ${worksWith}, or leave it to the next scheduled run: that ends it.`,
      );
      continue;
    }
    successors[worksWith] = (await keptVersion({ address, token, ...entry }, generation)).value;
  }
  const ending = rows.filter(({ worksWith }) => worksWith in successors).map(({ name }) => name);
  if (ending.length === 0) return;
  io.say(`A second run, which works with the new one, ends the old one of ${ending.join(", ")}`);
  const stack = typeof options["stack"] === "string" ? options["stack"] : undefined;
  await up({ ...call, engine: new Engine({ ...io.env, ...successors }, stack, io.say) }, ending);
}
