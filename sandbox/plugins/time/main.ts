// Stands in for the official time plugin (npm @pulumiverse/time 0.1.1). What it covers: docs/stand-ins.md.
import { serve } from "../../../provider/wire/serve.ts";
import { rotating } from "./rotating.ts";

await serve({ name: "time", version: "0.1.1", acceptSecrets: false, resources: [rotating] });
