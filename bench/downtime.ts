// What users notice of a mass rotation: everything of both applications that is due, rotated side by side while all of
// their users are at work, and then the end of the old values. Requests and those that failed, sessions that were lost,
// and for how long places that hand out the same secret held different values (skew).
//   node bootstrap.mjs bench/downtime.ts [--write]
import { setTimeout as sleep } from "node:timers/promises";
import { ensureStack } from "../sandbox/stack.ts";
import { signIn, use } from "../tests/support/client.ts";
import { inSecret } from "../tests/support/intelliflow.ts";
import { IntelliflowLoad } from "../tests/support/intelliflow-load.ts";
import { VisapiLoad } from "../tests/support/visapi-load.ts";
import { all, ci, valuesOf, type Values } from "../tests/support/visapi-secrets.ts";
import { World } from "../tests/support/world.ts";
import { markdown, publish } from "./support/tables.ts";

/** Values by place; a place that does not have the secret is left out. */
type Places = Record<string, string>;

/** Looks at what every place holds, again and again, and adds up for how long they differ. */
class Skew {
  readonly #read: () => Promise<Record<string, Places>>;
  readonly #since = new Map<string, number>();
  /** Milliseconds by secret, the longest time at a stretch. */
  readonly longest = new Map<string, number>();
  #running = true;
  readonly #done: Promise<void>;

  constructor(read: () => Promise<Record<string, Places>>) {
    this.#read = read;
    this.#done = this.#look();
  }

  async #look(): Promise<void> {
    while (this.#running) {
      for (const [secret, places] of Object.entries(await this.#read())) {
        const now = performance.now();
        if (new Set(Object.values(places)).size <= 1) {
          this.#since.delete(secret);
          continue;
        }
        const since = this.#since.get(secret) ?? now;
        this.#since.set(secret, since);
        this.longest.set(secret, Math.max(this.longest.get(secret) ?? 0, now - since));
      }
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }
}

const world = await World.start({ kubernetes: "intelliflow" });
try {
  const { env, simulators } = world.sandbox;
  const own = await ensureStack(world.dir, env, "intelliflow");
  const [service = "", project = ""] = [env["RENDER_SERVICE_ID"], env["VERCEL_PROJECT_ID"]];
  const [api = "", intelliflow = "", web = ""] = [
    env["VISAPI_API_URL"],
    env["INTELLIFLOW_API_URL"],
    env["INTELLIFLOW_WEB_URL"],
  ];

  /** Runs both applications' stacks side by side. @returns seconds */
  const both = async (now: string, held?: Values): Promise<number> => {
    const began = performance.now();
    const runs = await Promise.all([
      world.up({ now, ...(held ? { env: ci(held) } : {}) }),
      world.up({ now, env: own }),
    ]);
    for (const { code, output } of runs) if (code !== 0) throw new Error(output);
    return (performance.now() - began) / 1000;
  };
  const read = async (): Promise<Record<string, Places>> => {
    const found: Record<string, Places> = {};
    for (const [name, value] of Object.entries(await valuesOf(world, all))) {
      const places: Places = { vault: value };
      const render = simulators.render.envVar(service, name);
      const vercel = simulators.vercel.envVar(
        project,
        name === "SUPABASE_SERVICE_ROLE_KEY" ? "SUPABASE_SERVICE_KEY" : name,
      );
      // Render's own ADMIN_API_KEY is the one that a person began with; the stack's goes to Vault and GitHub alone.
      if (render !== undefined && name !== "ADMIN_API_KEY") places["render"] = render;
      if (vercel !== undefined) places["vercel"] = vercel;
      found[name] = places;
    }
    for (const [path, field, secret, key] of [
      ["database", "url", "database", "DATABASE_URL"],
      ["jwt", "private_key", "jwt", "JWT_PRIVATE_KEY"],
    ] as const)
      found[`intelliflow/${path}`] = {
        vault: (await world.vaultField(`intelliflow/${path}`, field)) ?? "",
        kubernetes: (await inSecret(world.sandbox, secret, key)) ?? "",
      };
    return found;
  };

  await both(world.now);
  await both(world.later(0, 2), await valuesOf(world, all));
  const old = await valuesOf(world, all);
  const [users, customers] = [await VisapiLoad.start(world), new IntelliflowLoad(intelliflow, web)];
  const people = await Promise.all(Array.from({ length: 25 }, () => signIn(api)));
  const tokens = await Promise.all(Array.from({ length: 25 }, () => customers.signIn()));
  const skew = new Skew(read);

  const rotating = [await both(world.later(100), old), await both(world.later(100, 0.25), old)];
  const made = await valuesOf(world, all);
  const unchanged = all.filter((name) => made[name] === old[name]);
  if (unchanged.length) throw new Error(`${unchanged.join(", ")} did not rotate`);
  const lost = { visapi: 0, intelliflow: 0 };
  for (const session of people) {
    const said = await use(api, session);
    if (said.token !== 200 || said.cookie !== 200) lost.visapi++;
  }
  for (const token of tokens) {
    const { status } = await fetch(`${web}/me`, { headers: { authorization: `Bearer ${token}`, connection: "close" } });
    if (status !== 200) lost.intelliflow++;
  }
  // Tokens live for an hour: whoever comes later has signed in anew.
  await users.hourPasses();
  await sleep(2500);
  const ending = await both(world.later(100, 2), made);
  await Promise.all([users.stop(), customers.stop(), skew.stop()]);

  const count = (number: number): string => number.toLocaleString("en-US");
  const seconds = (ms: number): string => (ms / 1000).toFixed(1);
  const skews = (mine: (name: string) => boolean): string => {
    const times = [...skew.longest].filter(([name]) => mine(name)).sort(([, a], [, b]) => a - b);
    const [most, [, median] = ["", 0]] = [times.at(-1), times[Math.floor(times.length / 2)]];
    return most ? `${seconds(median)}, at most ${seconds(most[1])} (${most[0]})` : "0";
  };
  const flow = (name: string): boolean => name.startsWith("intelliflow/");
  const head = ["", "requests", "failed", "sessions kept", "lost", "skew, seconds: median"];
  const rows = [
    [
      "VisAPI",
      count(users.total),
      String(users.failures.length),
      String(people.length - lost.visapi),
      String(lost.visapi),
      skews((name) => !flow(name)),
    ],
    [
      "IntelliFlow",
      count(customers.total),
      String(customers.failures.length),
      String(tokens.length - lost.intelliflow),
      String(lost.intelliflow),
      skews(flow),
    ],
  ];
  const runs = `Rotating took ${rotating.map((each) => `${each.toFixed(0)} s`).join(" and ")}, ending the old values ${ending.toFixed(0)} s; both stacks ran side by side.`;
  publish("downtime", `${markdown(head, rows)}\n\n${runs}`, process.argv.includes("--write"));
  const failures = [...users.failures, ...customers.failures];
  if (failures.length || lost.visapi || lost.intelliflow) {
    console.error(failures.slice(0, 10).join("\n"));
    process.exitCode = 1;
  }
} finally {
  await world.stop();
}
