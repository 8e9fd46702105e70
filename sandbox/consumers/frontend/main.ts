// Starts the front end with the environment that the platform gives it.
import { randomUUID } from "node:crypto";
import { serve } from "../serve.ts";
import { buildApp } from "./app.ts";

const instance = process.env.VERCEL_INSTANCE_ID || randomUUID();
await serve(buildApp({ env: process.env, instance, startedAt: new Date(), logger: true }), process.env.PORT);
