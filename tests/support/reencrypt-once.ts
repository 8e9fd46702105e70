// One run of the re-encryption in a process of its own, which a test may kill: inputs as JSON on standard input.
import { text } from "node:stream/consumers";
import { reencryption } from "../../provider/resources/reencryption.ts";
import { Settings } from "../../provider/settings.ts";
import type { Properties } from "../../provider/wire/contract.ts";

const settings = new Settings();
settings.configure({});
const say = (message: string): void => void process.stdout.write(`${message}\n`);
const { outputs } = await reencryption(settings).create({
  urn: "urn:pulumi:t::t::rotation:vault:Reencryption::app/DATA/reencryption",
  name: "app/DATA/reencryption",
  log: { info: say, warn: say },
  inputs: JSON.parse(await text(process.stdin)) as Properties,
  preview: false,
  timeout: 0,
});
say(JSON.stringify(outputs));
