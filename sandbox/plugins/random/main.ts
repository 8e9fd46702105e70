// Stands in for the official random plugin (npm @pulumi/random 4.21.2). What it covers: docs/stand-ins.md.
import { serve } from "../../../provider/wire/serve.ts";
import { randomBytes } from "./bytes.ts";
import { randomPassword } from "./password.ts";

await serve({ name: "random", version: "4.21.2", acceptSecrets: false, resources: [randomPassword, randomBytes] });
