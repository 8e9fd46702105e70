// One run over a flow, in a process of its own.
import { serve } from "./apart.ts";
import { runFlow } from "./flows.ts";

await serve(runFlow);
