// Sends what it is given on standard input: for a plugin whose engine was killed, and which must not go on by itself.
import { text } from "node:stream/consumers";
import type { Line } from "./message.ts";
import { send, type Contacts } from "./send.ts";

export interface LastWords {
  contacts: Contacts;
  stack: string;
  lines: Line[];
}

const { contacts, stack, lines } = JSON.parse(await text(process.stdin)) as LastWords;
await send(contacts, stack, lines);
