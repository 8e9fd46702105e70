// The wire protocols of PostgreSQL (postgresql.org/docs/current/protocol-message-formats.html) and Redis
// (redis.io/docs/latest/develop/reference/protocol-spec), as far as telling calls and answers apart needs them.
import { command, statement, type Kind } from "./calls.ts";
import type { Dialect } from "./store-proxy.ts";

/** Without a status of HTTP: an answer that is lost or cut, and a server that is out of order. */
const statuses: readonly Kind[] = ["500", "half a body", "lost reply", "time-out"];
/** A limit shows when somebody connects. */
const atConnect: readonly Kind[] = ["429", ...statuses];

export function postgresDialect(): Dialect {
  let [fromClient, fromServer] = [Buffer.alloc(0), Buffer.alloc(0)];
  let started = false;
  let ours = "";
  return {
    sent(bytes) {
      fromClient = Buffer.concat([fromClient, bytes]);
      const parts: ReturnType<Dialect["sent"]> = [];
      for (;;) {
        // The first message has no type.
        const head = started ? 1 : 0;
        if (fromClient.length < head + 4) return parts;
        const length = head + fromClient.readInt32BE(head);
        if (fromClient.length < length) return parts;
        const message = fromClient.subarray(0, length);
        fromClient = fromClient.subarray(length);
        if (!started) {
          const words = message.subarray(8).toString("utf8").split("\0");
          const value = (name: string): string => words[words.indexOf(name) + 1] ?? "";
          const application = words.includes("application_name") ? value("application_name") : "";
          // A request for TLS or a cancellation is no start yet.
          started = message.readInt32BE(4) === 196_608;
          if (started && application.startsWith("secret-rotation")) ours = application;
          const what = `CONNECT as ${ours === "secret-rotation" ? "administrator" : "the new login"}`;
          const call = ours ? { what, write: false, eventual: false, statuses: atConnect } : undefined;
          parts.push({ bytes: message, ...(call ? { call } : {}) });
          continue;
        }
        const type = String.fromCharCode(message[0] ?? 0);
        const text =
          type === "Q" ? message.subarray(5, -1).toString("utf8") : type === "P" ? parsed(message) : undefined;
        if (text === undefined || !ours) parts.push({ bytes: message });
        else {
          const write = !/^\s*select\b/i.test(text) || /pg_terminate_backend/.test(text);
          parts.push({ bytes: message, call: { what: statement(text), write, eventual: false, statuses } });
        }
      }
    },
    answered(bytes) {
      fromServer = Buffer.concat([fromServer, bytes]);
      const parts: ReturnType<Dialect["answered"]> = [];
      while (fromServer.length >= 5) {
        const length = 1 + fromServer.readInt32BE(1);
        if (fromServer.length < length) break;
        const message = fromServer.subarray(0, length);
        fromServer = fromServer.subarray(length);
        // Ready for the next query; and what the client must answer for the log-in to go on.
        parts.push({ bytes: message, done: message[0] === 0x5a, needed: message[0] === 0x52 });
      }
      return parts;
    },
    refusal(kind) {
      const [code, message] =
        kind === "429"
          ? ["53300", "sorry, too many clients already"]
          : ["57P01", "terminating connection due to administrator command"];
      const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
      const head = Buffer.alloc(5);
      head.write("E");
      head.writeInt32BE(4 + fields.length, 1);
      return Buffer.concat([head, fields]);
    },
  };
}

/** The statement of a Parse message: behind the name of the prepared statement. */
function parsed(message: Buffer): string {
  const from = message.indexOf(0, 5) + 1;
  return message.subarray(from, message.indexOf(0, from)).toString("utf8");
}

export function redisDialect(): Dialect {
  let [fromClient, fromServer] = [Buffer.alloc(0), Buffer.alloc(0)];
  let ours = false;
  const handshake = new Set(["AUTH", "HELLO", "SELECT", "INFO", "QUIT"]);
  return {
    sent(bytes) {
      fromClient = Buffer.concat([fromClient, bytes]);
      const parts: ReturnType<Dialect["sent"]> = [];
      for (;;) {
        const end = endOf(fromClient, 0);
        if (end < 0) return parts;
        const message = fromClient.subarray(0, end);
        fromClient = fromClient.subarray(end);
        const words = wordsOf(message);
        const verb = (words[0] ?? "").toUpperCase();
        const names = verb === "CLIENT" && /^SETNAME$/i.test(words[1] ?? "");
        if (names && words[2] === "secret-rotation") {
          ours = true;
          parts.push({
            bytes: message,
            call: { what: "CONNECT", write: false, eventual: false, statuses: atConnect },
          });
        } else if (!ours || handshake.has(verb) || (verb === "CLIENT" && /^SETINFO$/i.test(words[1] ?? "")))
          parts.push({ bytes: message });
        else {
          const what = command(words);
          const write = /^(ACL (SETUSER|DELUSER|SAVE)|CLIENT KILL|CONFIG (SET|REWRITE))/.test(what);
          parts.push({ bytes: message, call: { what, write, eventual: false, statuses } });
        }
      }
    },
    answered(bytes) {
      fromServer = Buffer.concat([fromServer, bytes]);
      const parts: ReturnType<Dialect["answered"]> = [];
      for (let end = endOf(fromServer, 0); end >= 0; end = endOf(fromServer, 0)) {
        parts.push({ bytes: fromServer.subarray(0, end), done: true });
        fromServer = fromServer.subarray(end);
      }
      return parts;
    },
    refusal: (kind) =>
      Buffer.from(
        kind === "429"
          ? "-ERR max number of clients reached\r\n"
          : "-LOADING Redis is loading the dataset in memory\r\n",
      ),
  };
}

/** Where the value that begins at `from` ends; -1 while it is not whole. */
function endOf(bytes: Buffer, from: number): number {
  const line = bytes.indexOf("\r\n", from);
  if (line < 0) return -1;
  const type = String.fromCharCode(bytes[from] ?? 0);
  const size = Number(bytes.subarray(from + 1, line).toString());
  if (type === "$" || type === "=" || type === "!") {
    const end = size < 0 ? line + 2 : line + 2 + size + 2;
    return bytes.length < end ? -1 : end;
  }
  if (!["*", "%", "~", ">"].includes(type)) return line + 2;
  let at = line + 2;
  for (let left = type === "%" ? 2 * size : size; left > 0; left--) {
    at = endOf(bytes, at);
    if (at < 0) return -1;
  }
  return at;
}

/** The words of a command: an array of bulk strings. */
function wordsOf(message: Buffer): string[] {
  const words: string[] = [];
  for (let at = message.indexOf("\r\n") + 2; at < message.length;) {
    const line = message.indexOf("\r\n", at);
    const size = Number(message.subarray(at + 1, line).toString());
    words.push(message.subarray(line + 2, line + 2 + size).toString("utf8"));
    at = line + 2 + size + 2;
  }
  return words;
}
