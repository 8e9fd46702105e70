// Whoever uses the applications while cells are tried: nobody of them may be refused.
import { signIn, type Session } from "../support/client.ts";

export interface UsersOptions {
  api: string;
  app: string;
  /** Milliseconds between two rounds. @default 150 */
  pauseMs?: number;
}

export class Users {
  requests = 0;
  failures: string[] = [];
  #session: Session | undefined;
  #running = true;
  readonly #options: UsersOptions;
  readonly #done: Promise<void>;

  constructor(options: UsersOptions) {
    this.#options = options;
    this.#done = this.#work();
  }

  /** Signs in anew; from now on that session is used. */
  async arrive(): Promise<void> {
    this.#session = await signIn(this.#options.api);
  }

  /** What failed since the last call. */
  take(): string[] {
    const failures = this.failures;
    this.failures = [];
    return failures;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #work(): Promise<void> {
    const { api, app, pauseMs = 150 } = this.#options;
    while (this.#running) {
      const session = this.#session;
      const asked: [string, Record<string, string>][] = [
        [`${api}/api/v1/healthz/database`, {}],
        [`${api}/api/v1/healthz/redis`, {}],
        [`${app}/health`, {}],
      ];
      if (session)
        asked.push(
          [`${api}/api/v1/me`, { authorization: `Bearer ${session.token}` }],
          [`${api}/api/v1/me`, { cookie: session.cookie }],
        );
      await Promise.all(asked.map(([url, headers]) => this.#ask(url, headers)));
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #ask(url: string, headers: Record<string, string>): Promise<void> {
    this.requests++;
    try {
      const response = await fetch(url, {
        headers: { ...headers, connection: "close" },
        signal: AbortSignal.timeout(15_000),
      });
      const body = await response.text();
      if (!response.ok)
        this.failures.push(
          `${new URL(url).pathname}${headers["cookie"] ? " by cookie" : ""} answered ${response.status}: ${body.slice(0, 160)}`,
        );
    } catch (error) {
      const { cause, message } = error as { cause?: { code?: string }; message: string };
      this.failures.push(`${new URL(url).pathname}: ${cause?.code ?? message}`);
    }
  }
}
