// Starts one of IntelliFlow's services, `api` or `web`, with the environment of its pod.
import { serve } from "../serve.ts";
import { buildApi } from "./api.ts";
import { readConfig } from "./config.ts";
import { openDatabase } from "./database.ts";
import { transit } from "./transit.ts";
import { buildWeb } from "./web.ts";

const config = readConfig(process.env);
const log = (message: string): void => console.error(JSON.stringify({ time: Date.now(), message }));
const database = config.databaseUrl ? openDatabase(config.databaseUrl, config.instance, log) : undefined;
const { vaultAddress, vaultToken } = config;
const app =
  process.env["SERVICE"] === "web"
    ? buildWeb({ config, database, logger: true })
    : buildApi({
        config,
        database,
        transit: vaultAddress && vaultToken ? transit(vaultAddress, vaultToken, "intelliflow-data") : undefined,
        logger: true,
      });
await serve(app, process.env["PORT"]);
