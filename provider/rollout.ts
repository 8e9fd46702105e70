// Gives a service's instances the variables that were written for it: one new deploy, or one that somebody has
// started since. The vendor's list of deploys is the memory, so a killed run or several secrets that changed
// together never cause a second restart.
import { setTimeout as sleep } from "node:timers/promises";
import { VendorError } from "./vendors/http.ts";

export interface Rollout {
  id: string;
  /** By the vendor's clock. */
  createdAt: Date;
  /** The vendor's own word. */
  status: string;
  state: "running" | "live" | "failed";
}

export interface RolloutTarget {
  name: string;
  /** The newest one; `undefined` when there was none yet. */
  latest(): Promise<Rollout | undefined>;
  start(): Promise<Rollout | undefined>;
  get(id: string): Promise<Rollout>;
  /** What holds it up, for the error: which instance and why. */
  explain?(rollout: Rollout): Promise<string>;
}

const queues = new Map<string, Promise<unknown>>();

/**
 * Waits until a deploy that began after `written` (vendor's clock, whole seconds) is live.
 * @param timeoutSeconds how long to wait for it
 * @throws when the deploy fails or takes longer; the instances that run keep what they have
 */
export async function rollOut(target: RolloutTarget, written: Date, timeoutSeconds: number): Promise<Rollout> {
  const before = queues.get(target.name) ?? Promise.resolve();
  const mine = before.catch(() => undefined).then(() => rollOutAlone(target, written, timeoutSeconds));
  queues.set(target.name, mine);
  return mine;
}

async function rollOutAlone(target: RolloutTarget, written: Date, timeoutSeconds: number): Promise<Rollout> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  // Both clocks are the vendor's and tick in seconds: a deploy of the same second may have begun before the write.
  const usable = (rollout: Rollout | undefined): rollout is Rollout =>
    rollout !== undefined &&
    rollout.state !== "failed" &&
    Math.floor(rollout.createdAt.getTime() / 1000) > Math.floor(written.getTime() / 1000);
  let rollout = await target.latest();
  if (!usable(rollout)) {
    await sleep(1050);
    rollout = await start(target, usable);
  }
  for (let pause = 250; rollout.state === "running"; pause = Math.min(pause * 1.2, 5000)) {
    if (Date.now() > deadline)
      throw new Error(
        `${target.name}: deploy ${rollout.id} is still "${rollout.status}" after ${timeoutSeconds} s${await cause(target, rollout)}. The old instances serve on; nothing was revoked. Look at the deploy's log, then run again.`,
      );
    await sleep(pause);
    rollout = await target.get(rollout.id);
  }
  if (rollout.state === "failed")
    throw new Error(
      `${target.name}: deploy ${rollout.id} ended as "${rollout.status}"${await cause(target, rollout)}. The old instances serve on; nothing was revoked. Look at the deploy's log, mend the cause, then run again.`,
    );
  return rollout;
}

async function cause(target: RolloutTarget, rollout: Rollout): Promise<string> {
  const found = await target.explain?.(rollout).catch(() => "");
  return found ? `: ${found}` : "";
}

/** Starts one deploy; when the reply is lost, the list tells whether it began. */
async function start(
  target: RolloutTarget,
  usable: (rollout: Rollout | undefined) => rollout is Rollout,
): Promise<Rollout> {
  for (let attempt = 1; ; attempt++) {
    try {
      const started = await target.start();
      if (started) return started;
    } catch (error) {
      const maybeStarted =
        !(error instanceof VendorError) || error.status === undefined || error.status >= 500 || error.status === 409;
      if (!maybeStarted || attempt === 5) throw error;
    }
    await sleep(300 * attempt);
    const latest = await target.latest();
    if (usable(latest)) return latest;
  }
}
