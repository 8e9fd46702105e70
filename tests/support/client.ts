// What a user of VisAPI sees: a client that signs in once and then keeps using its token and its session.

export interface Session {
  token: string;
  cookie: string;
}

export async function signIn(api: string): Promise<Session> {
  const response = await fetch(`${api}/api/auth/signin`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "user@example.com" }),
  });
  if (!response.ok) throw new Error(`sign-in answered ${response.status}`);
  const { token } = (await response.json()) as { token: string };
  return { token, cookie: response.headers.get("set-cookie")?.split(";")[0] ?? "" };
}

/** Status codes of a call with the token, and of one with the cookie. */
export async function use(api: string, session: Session): Promise<{ token: number; cookie: number }> {
  const ask = async (headers: Record<string, string>): Promise<number> => {
    const response = await fetch(`${api}/api/v1/me`, { headers: { ...headers, connection: "close" } });
    await response.body?.cancel();
    return response.status;
  };
  const [token, cookie] = await Promise.all([
    ask({ authorization: `Bearer ${session.token}` }),
    ask({ cookie: session.cookie }),
  ]);
  return { token, cookie };
}

/** Uses a session over and over until it is stopped, and counts what failed. */
export class Load {
  requests = 0;
  readonly failures: string[] = [];
  #running = true;
  readonly #done: Promise<unknown>;
  constructor(api: string, session: Session, workers = 4) {
    this.#done = Promise.all(Array.from({ length: workers }, () => this.#work(api, session)));
  }

  async #work(api: string, session: Session): Promise<void> {
    while (this.#running) {
      this.requests += 2;
      try {
        const { token, cookie } = await use(api, session);
        if (token !== 200) this.failures.push(`token: ${token}`);
        if (cookie !== 200) this.failures.push(`cookie: ${cookie}`);
      } catch (error) {
        this.failures.push((error as Error).message);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }
}
