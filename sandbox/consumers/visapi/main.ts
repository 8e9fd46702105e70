// Starts the VisAPI API with the environment that the platform gives it.
import { serve } from "../serve.ts";
import { openApiKeys } from "./api-key-store.ts";
import { buildApp } from "./app.ts";
import type { Parts } from "./app.ts";
import { readConfig } from "./config.ts";
import { openDatabase } from "./database.ts";
import { openQueue } from "./queue.ts";

const config = readConfig(process.env);
const log = (message: string): void => console.error(JSON.stringify({ time: Date.now(), message }));
const parts: Parts = {
  config,
  logger: true,
  database: config.databaseUrl ? openDatabase(config.databaseUrl, config.instance, log) : undefined,
  apiKeys: config.databaseUrl
    ? openApiKeys({
        url: config.databaseUrl,
        instance: config.instance,
        prefix: config.apiKeyPrefix,
        oneOnly: config.env.SIMULATE_ONE_API_KEY === "1",
      })
    : undefined,
  queue: config.redisUrl ? openQueue(config.redisUrl, log) : undefined,
};
await serve(buildApp(parts), process.env.PORT);
