// A year of IntelliFlow, one scheduled run a day, on the real engine, with its users at work the whole time: nothing
// late, nothing twice, no token refused within its life. About half an hour.
//   npm run year               365 days
//   npm run year -- 60         fewer
import assert from "node:assert/strict";
import type { Row } from "../../cli/inventory.ts";
import { columns } from "../../cli/columns.ts";
import { ensureStack } from "../../sandbox/stack.ts";
import { IntelliflowLoad } from "../support/intelliflow-load.ts";
import { Typist } from "../support/type.ts";
import { World } from "../support/world.ts";
import { Person } from "./person.ts";

const [days = 365] = process.argv.slice(2).map(Number);
if (!Number.isInteger(days) || days < 1) {
  console.error("Give the number of days, for instance: npm run year -- 60");
  process.exit(2);
}

const day = 86_400_000;
const world = await World.start({ kubernetes: "intelliflow" });
/** Days of the rotations of each secret, counted from the first run. */
const rotations = new Map<string, number[]>();
const generations = new Map<string, number>();
let [oldest, runs, idle] = [0, 0, 0];

/** Notes what the run of a day has done, and holds it against the policy. */
function judge(rows: Row[], today: number, now: string): void {
  for (const { secret, generation, intervalDays, rotatedAt, handedOver } of rows) {
    const before = generations.get(secret);
    generations.set(secret, generation);
    const age = (Date.parse(now) - Date.parse(rotatedAt)) / day;
    assert.ok(handedOver || age <= intervalDays, `${secret} is ${age.toFixed(1)} days old on day ${today}`);
    oldest = Math.max(oldest, age / intervalDays);
    if (before === undefined || generation === before) continue;
    assert.equal(generation, before + 1, `${secret} was rotated twice on day ${today}`);
    const earlier = rotations.get(secret) ?? [];
    const last = earlier.at(-1);
    const least = handedOver ? intervalDays - 15 : intervalDays - 1;
    assert.ok(last === undefined || today - last >= least, `${secret} was rotated on day ${last} and on day ${today}`);
    rotations.set(secret, [...earlier, today]);
  }
}

try {
  const { env } = world.sandbox;
  Object.assign(env, await ensureStack(world.dir, env, "intelliflow"));
  const [api = "", web = ""] = [env["INTELLIFLOW_API_URL"], env["INTELLIFLOW_WEB_URL"]];
  const typist = new Typist(world);
  const person = new Person(world, typist);
  // Before the first run there is no key to sign with.
  let load: IntelliflowLoad | undefined;
  const accepted = async (token: string): Promise<void> => {
    const { status } = await fetch(`${web}/me`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(status, 200, "a token from before the run is refused after it");
  };
  const run = async (now: string): Promise<Row[]> => {
    const typed = await typist.type(now, ["run", "--json"]);
    assert.ok(typed.code === 0 || typed.code === 3, typed.said);
    const { touched, secrets } = JSON.parse(typed.out) as { touched: string[]; secrets: Row[] };
    runs++;
    if (touched.length === 0) idle++;
    return secrets;
  };

  const began = Date.now();
  for (let today = 0; today <= days; today++) {
    const now = world.later(today);
    const token = await load?.signIn();
    let rows = await run(now);
    if (await person.tend(rows, now)) rows = await run(now);
    if (token) await accepted(token);
    judge(rows, today, now);
    load ??= new IntelliflowLoad(api, web, 20);
    if (today % 30 === 0)
      console.log(
        `day ${today} of ${days}: ${runs} runs, ${idle} with nothing due, ${load.total.toLocaleString("en-US")} requests, ${load.failures.length} failed, ${Math.round((Date.now() - began) / 1000)} s`,
      );
  }
  await load?.stop();
  const { failures, total } = load ?? assert.fail("no day has passed");
  console.log(`\n${summary()}\n`);
  console.log(
    `${runs} runs, ${idle} with nothing due; no secret older than ${Math.round(oldest * 100)} % of its interval; ${total.toLocaleString("en-US")} requests, ${failures.length} failed`,
  );
  assert.deepEqual(failures, []);
  for (const [secret, { interval }] of Object.entries(expected())) {
    const times = rotations.get(secret)?.length ?? 0;
    const most = Math.floor(days / (interval - 1)) + 1;
    assert.ok(times >= Math.floor(days / interval) && times <= most, `${secret} was rotated ${times} times`);
  }
} finally {
  await world.stop();
}

function expected(): Record<string, { interval: number }> {
  return {
    DATABASE_URL: { interval: 30 },
    JWT_SIGNING_KEY: { interval: 7 },
    OPENAI_API_KEY: { interval: 90 },
    DATA_ENCRYPTION_KEY: { interval: 365 },
  };
}

function summary(): string {
  const lines = [...rotations].sort().map(([secret, at]) => {
    const gaps = at.slice(1).map((value, index) => value - (at[index] ?? 0));
    return [secret, String(at.length), gaps.length ? `${Math.min(...gaps)} to ${Math.max(...gaps)}` : "", at.join(" ")];
  });
  return columns(["secret", "rotations", "days apart", "on days"], lines);
}
