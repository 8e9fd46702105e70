// One run over one credential, in a process of its own.
import { serve } from "./apart.ts";
import { runLone } from "./lone-step.ts";

await serve(runLone);
