// What the tests of issued credentials share: a kind under the settings of a run, and what a rotation asks of it.
import type { CredentialKind, Issue } from "../../../provider/credentials/kind.ts";
import { Settings } from "../../../provider/settings.ts";
import { Secret, type Properties } from "../../../provider/wire/values.ts";

export const family = "secret-rotation-test-visapi-key";

/** Settings of the plugin; what is left out does not come from the environment either. */
export function settingsOf(config: Record<string, string>): Settings {
  const settings = new Settings();
  const values = { fingerprintKey: "f".repeat(64), patienceSeconds: "20", ...config };
  settings.configure(Object.fromEntries(Object.entries(values).map(([key, value]) => [key, new Secret(value)])));
  return settings;
}

/** What a rotation to `generation` asks for; `log` collects what is said. */
export function issueOf(args: Properties, generation = 1, current?: string): Issue & { said: string[] } {
  const said: string[] = [];
  const log = { info: (line: string) => void said.push(line), warn: (line: string) => void said.push(line) };
  const slot = generation % 2 ? "a" : "b";
  return { args, name: `${family}-g${generation}`, family, slot, generation, current, log, said };
}

/** Issues and proves, as the resource does. */
export async function rotate(kind: CredentialKind, args: Properties, generation = 1, current?: string) {
  const issued = await kind.issue(issueOf(args, generation, current));
  await kind.prove(args, issued);
  return issued;
}
