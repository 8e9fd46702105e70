// As much of Pulumi Cloud as one run of the engine on one stack asks for, on this machine alone: the engine's client
// (github.com/pulumi/pulumi pkg/backend/httpstate/client) finds the state here, and leaves its journal here.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import type { Update } from "../backends/checkpoint.ts";
import { changesIn, described, nothingYet, owner, plain } from "./cloud.ts";
import { Locked } from "./lock.ts";
import { Journaled, standing, type Place } from "./journaled.ts";
import type { Batch } from "./notebook.ts";

/** How long the engine gathers entries before it sends them: everything waits for the answer, and nothing is far away. */
const gatherMs = 4;
/** The version of pulumi whose client and journal are answered here. */
const made = "3.259.0";
/** Batches of events on their way at once (pkg/backend/httpstate/state.go), and as many that came before. */
const eventBatches = 6;

/** A stack that is asked about, or its state. */
const aboutStack = new RegExp(`^/api/stacks/${owner}/([^/]+)/([^/]+)(/export)?$`);

interface Asked {
  method: string;
  /** Below the stack's own address; undefined when it is about something else. */
  about: string | undefined;
  path: string;
  /** What was sent, unpacked. */
  bytes: Batch;
  cli: string;
}

interface Begun {
  config?: Record<string, { string: string; secret: boolean; object: boolean }>;
  metadata?: { message?: string; environment?: Record<string, string> };
}

/** What is answered with a status of its own. */
class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class JournalService {
  readonly #place: Place;
  readonly #token = randomBytes(24).toString("hex");
  readonly #folder = mkdtempSync(join(tmpdir(), "rotate-"));
  readonly #server: Server;
  #run: Journaled | undefined;
  #begun: Begun = {};
  #startTime = 0;
  /** The last of what happened, packed: of all that, the history holds how many resources changed. */
  readonly #events: Batch[] = [];
  /** The engine's process; set as soon as there is one. */
  pid = process.pid;

  private constructor(place: Place) {
    this.#place = place;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** @throws Error when no port can be listened on */
  static async start(place: Place): Promise<JournalService> {
    const service = new JournalService(place);
    await new Promise<void>((resolve, reject) => {
      service.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    return service;
  }

  /** What the engine is to have in its environment. The token opens this service, and ends with it. */
  get env(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo;
    return {
      PULUMI_BACKEND_URL: `http://127.0.0.1:${port}`,
      PULUMI_ACCESS_TOKEN: this.#token,
      // A client of Pulumi Cloud writes down where it has been; that is nobody's business.
      PULUMI_CREDENTIALS_PATH: this.#folder,
      PULUMI_DISABLE_JOURNALING: "false",
      PULUMI_JOURNALING_BATCH_PERIOD: String(gatherMs),
    };
  }

  /**
   * Ends the run for an engine that died, and stops listening.
   * @throws Error when the state cannot be written: the next run puts it together
   */
  async stop(): Promise<void> {
    try {
      await this.#end("failed");
    } finally {
      await this.abandon();
    }
  }

  /** Stops listening and leaves everything as it is, like a process that dies. */
  async abandon(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(result: Update["result"]): Promise<void> {
    const { message = "", environment = {} } = this.#begun.metadata ?? {};
    const resourceChanges = changesIn(this.#events);
    await this.#run?.end({
      kind: "update",
      startTime: this.#startTime,
      endTime: seconds(),
      message,
      environment,
      config: Object.fromEntries(Object.entries(this.#begun.config ?? {}).map(([key, value]) => [key, plain(value)])),
      version: 0,
      result,
      ...(resourceChanges ? { resourceChanges } : {}),
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reply = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    try {
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      const { project, stack } = this.#place;
      const own = `/api/stacks/${owner}/${project}/${stack}`;
      const about = path === own || path.startsWith(`${own}/`) ? path.slice(own.length) : undefined;
      // Whatever it is, it is read: a client that is still sending does not listen.
      const sent = await buffer(request);
      const bytes: Batch = () => (request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent);
      if (!this.#isKnown(request)) throw new Refused(401, "that token is not of this run");
      const cli = /^pulumi-cli\/\d+ \(v?([^;]+);/.exec(request.headers["user-agent"] ?? "")?.[1] ?? "";
      reply(200, await this.#ask({ method: request.method ?? "", about, path, bytes, cli }));
    } catch (error) {
      // A client that is refused with 5xx asks again for 15 s; what fails here fails again.
      const code = error instanceof Refused ? error.status : error instanceof Locked ? 409 : 400;
      reply(code, { code, message: (error as Error).message });
    }
  }

  #isKnown({ headers }: IncomingMessage): boolean {
    const given = Buffer.from(/^(?:token|update-token) (.*)$/.exec(headers.authorization ?? "")?.[1] ?? "");
    const token = Buffer.from(this.#token);
    return given.length === token.length && timingSafeEqual(given, token);
  }

  async #ask(asked: Asked): Promise<unknown> {
    const { about, bytes } = asked;
    const body = <T>(): T => JSON.parse(bytes().toString("utf8")) as T;
    const [, kind = "", id, what] = /^\/(update|preview)(?:\/(\w+)(?:\/([\w/]+))?)?$/.exec(about ?? "") ?? [];
    const [, project, stack, state] = aboutStack.exec(asked.path) ?? [];
    if (asked.method === "GET" && project !== undefined && stack !== undefined)
      return this.#read({ ...this.#place, project, stack }, state !== undefined);
    if (about === undefined) return this.#about(asked);
    if (asked.method === "PATCH" && about === "/tags") return {};
    if (kind !== "" && id === undefined) {
      this.#begun = body<Begun>();
      return { updateID: kind };
    }
    if (kind === "update" && what === undefined) return this.#start(body<{ journalVersion?: number }>(), asked.cli);
    // A preview writes nothing, so it takes no lock and has no journal.
    if (kind === "preview" && what === undefined) return { version: 1, token: this.#token };
    if (what === "renew_lease") return { token: this.#token };
    if (what === "events/batch") return this.#see(bytes);
    if (what === "journalentries") return this.#keep(bytes);
    if (what === "complete") {
      const { status } = body<{ status: string }>();
      await this.#end(status === "succeeded" ? "succeeded" : "failed");
      return {};
    }
    throw new Refused(404, `nothing is known of ${asked.method} ${about}`);
  }

  /** A stack, or its state: the run's own, as it was when the run began, or one that a program refers to. */
  async #read(place: Place, state: boolean): Promise<unknown> {
    const { project, stack } = place;
    const own = project === this.#place.project && stack === this.#place.stack;
    const found = (own ? this.#run : undefined) ?? (await standing(place));
    if (!found) throw new Refused(404, `there is no stack ${project}/${stack}`);
    return state ? (found.typed ?? nothingYet) : described(place);
  }

  #about({ path, method }: Asked): unknown {
    if (path === "/api/capabilities") return { capabilities: [] };
    if (path === "/api/user")
      return { id: owner, githubLogin: owner, name: owner, organizations: [{ githubLogin: owner }] };
    if (path === "/api/user/organizations/default") return { GitHubLogin: owner };
    if (method === "HEAD" && path === `/api/stacks/${owner}/${this.#place.project}`) return {};
    throw new Refused(404, `nothing is known of ${method} ${path}`);
  }

  async #start({ journalVersion = 0 }: { journalVersion?: number }, cli: string): Promise<unknown> {
    if (journalVersion < 1)
      throw new Refused(400, `pulumi ${cli} keeps no journal; install a newer one: this is made for ${made}`);
    this.#startTime = seconds();
    this.#run = await Journaled.begin(this.#place, this.pid, cli);
    return { version: 1, token: this.#token, journalVersion: 1 };
  }

  async #keep(batch: Batch): Promise<unknown> {
    if (!this.#run) throw new Refused(409, "no run has begun");
    await this.#run.add(batch);
    return {};
  }

  #see(batch: Batch): unknown {
    this.#events.push(batch);
    if (this.#events.length > eventBatches) this.#events.shift();
    return {};
  }
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
