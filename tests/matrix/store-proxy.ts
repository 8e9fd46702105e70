// A proxy before PostgreSQL or Redis that knows when the stack's own statement is sent and when it is answered.
// Sessions of consumers go through untouched.
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { killsConsumers, type Call } from "./calls.ts";
import { listen } from "./http-proxy.ts";
import { after, before, type Armed, type Wire } from "./wire.ts";

/** What a protocol tells of a connection's bytes. */
export interface Dialect {
  /** Bytes from the client that belong together, with the call that they are; undefined `call`: only bytes. */
  sent(bytes: Buffer): { bytes: Buffer; call?: Omit<Call, "vendor"> }[];
  /** Bytes from the server; `done` when they end the answer to a call, `needed` when without them it never ends. */
  answered(bytes: Buffer): { bytes: Buffer; done: boolean; needed?: boolean }[];
  /** An error in the protocol's own words: at its limit, or out of order. */
  refusal(kind: "429" | "500"): Buffer;
}

export class StoreProxy {
  readonly vendor: string;
  readonly #wire: Wire;
  readonly #upstream: { host: string; port: number };
  readonly #dialect: () => Dialect;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  constructor(wire: Wire, vendor: string, upstream: { host: string; port: number }, dialect: () => Dialect) {
    this.#wire = wire;
    this.vendor = vendor;
    this.#upstream = upstream;
    this.#dialect = dialect;
    this.#server = net.createServer((client) => this.#serve(client));
  }

  start(): Promise<number> {
    return listen(this.#server);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(client: net.Socket): void {
    const dialect = this.#dialect();
    const server = net.connect(this.#upstream);
    const source = { remotePort: client.remotePort ?? 0, localPort: client.localPort ?? 0 };
    let armed: Armed | undefined;
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", end);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    const toServer = async (bytes: Buffer): Promise<void> => {
      for (const part of dialect.sent(bytes)) {
        if (part.call) {
          if (this.#wire.refuses(this.vendor)) return end();
          const met = await this.#wire.meet({ vendor: this.vendor, ...part.call });
          if (met && killsConsumers(met.kind)) await this.#wire.beside(met, "before");
          else if (met && before(met.kind)) {
            this.#wire.happened(met);
            await this.#wire.kill(met.kind, source);
            return end();
          }
          if (met?.kind === "time-out") {
            this.#wire.happened(met);
            await Promise.race([new Promise((resolve) => client.once("close", resolve)), sleep(this.#wire.hangMs)]);
            return end();
          }
          if (met?.kind === "429" || met?.kind === "500") {
            this.#wire.happened(met);
            client.end(dialect.refusal(met.kind));
            return void server.destroy();
          }
          armed = met;
        }
        if (server.writable) server.write(part.bytes);
      }
    };
    let kept: Buffer[] = [];
    const toClient = async (bytes: Buffer): Promise<void> => {
      for (const part of dialect.answered(bytes)) {
        if (!armed || part.needed) {
          if (client.writable) client.write(part.bytes);
          continue;
        }
        kept.push(part.bytes);
        if (!part.done) continue;
        const [fault, answer] = [armed, Buffer.concat(kept)];
        [armed, kept] = [undefined, []];
        if (killsConsumers(fault.kind)) {
          await this.#wire.beside(fault, "after");
          if (client.writable) client.write(answer);
          continue;
        }
        this.#wire.happened(fault);
        if (after(fault.kind)) await this.#wire.kill(fault.kind, source);
        if (fault.kind === "half a body")
          return void client.write(answer.subarray(0, Math.floor(answer.length / 2)), end);
        return end();
      }
    };
    // In order, whatever takes its time.
    let [sending, answering] = [Promise.resolve(), Promise.resolve()];
    client.on("data", (bytes) => void (sending = sending.then(() => toServer(bytes)).catch(end)));
    server.on("data", (bytes) => void (answering = answering.then(() => toClient(bytes)).catch(end)));
  }
}
