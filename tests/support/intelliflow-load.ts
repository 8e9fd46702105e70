// Users of IntelliFlow, all at once: they sign in, are known by both services, read and write encrypted customers.
import { setTimeout as sleep } from "node:timers/promises";
import { signIn } from "./intelliflow.ts";

export class IntelliflowLoad {
  readonly requests: Record<string, number> = {};
  readonly failures: string[] = [];
  readonly #api: string;
  readonly #web: string;
  readonly #pace: number;
  readonly #done: Promise<unknown>;
  #running = true;
  #token = "";

  /** @param pace how many times longer each user pauses between two requests; @default 1, some hundred requests a second */
  constructor(api: string, web: string, pace = 1) {
    [this.#api, this.#web, this.#pace] = [api, web, pace];
    this.#done = this.#begin();
  }

  get total(): number {
    return Object.values(this.requests).reduce((sum, each) => sum + each, 0);
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  /** A token as a user gets it now. */
  async signIn(): Promise<string> {
    this.#count("sign-in");
    return signIn(this.#api);
  }

  /** From now on the users' token is one of now. */
  async arrive(): Promise<void> {
    this.#token = await this.signIn();
  }

  async #begin(): Promise<void> {
    await this.arrive().catch(() => undefined);
    const add = { method: "POST", body: JSON.stringify({ name: "new", card: "card of a new one" }) };
    await Promise.all([
      this.#repeat(100, () => this.arrive()),
      this.#repeat(5, () => this.#ask("me", `${this.#web}/me`)),
      this.#repeat(5, () => this.#ask("home", this.#web)),
      this.#repeat(30, () => this.#ask("customers", `${this.#web}/customers`)),
      this.#repeat(60, () =>
        this.#ask("new customer", `${this.#api}/customers`, {
          ...add,
          headers: { "content-type": "application/json" },
        }),
      ),
    ]);
  }

  #count(kind: string): void {
    this.requests[kind] = (this.requests[kind] ?? 0) + 1;
  }

  async #ask(kind: string, url: string, init: RequestInit = {}): Promise<unknown> {
    this.#count(kind);
    const headers = { authorization: `Bearer ${this.#token}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(10_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${kind} answered ${response.status}: ${text.slice(0, 200)}`);
    return JSON.parse(text) as unknown;
  }

  async #repeat(pauseMs: number, use: () => Promise<unknown>): Promise<void> {
    while (this.#running) {
      await use().catch((error: Error) => this.failures.push(`${new Date().toISOString()} ${error.message}`));
      await sleep(pauseMs * this.#pace);
    }
  }
}
