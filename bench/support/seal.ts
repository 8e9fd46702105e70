// Seals what comes by standard input for a repository's Actions secrets, as `gh secret set` does, and prints the body of
// the request. The repository's key is in the environment: PUBLIC_KEY (base64) and PUBLIC_KEY_ID.
import { readFileSync } from "node:fs";
import { sealBox, sodiumReady } from "../../sandbox/simulators/sealed-box.ts";

await sodiumReady;
const { PUBLIC_KEY = "", PUBLIC_KEY_ID = "" } = process.env;
const sealed = sealBox(readFileSync(0, "utf8"), PUBLIC_KEY);
process.stdout.write(JSON.stringify({ encrypted_value: sealed, key_id: PUBLIC_KEY_ID }));
