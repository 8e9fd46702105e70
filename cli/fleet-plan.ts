// What the next run of many stacks will do, as one plan: the vendors' limits are shared by all of them.
import { Failure, UsageError, type Call } from "./command.ts";
import { digest, type Plan, type Preview } from "./digest.ts";
import { atOnce, callOf, triage } from "./fleet.ts";

export interface FleetPlan {
  plan: Plan;
  /** Stacks that were previewed, and those in which nothing is due, for which no engine was started. */
  previewed: number;
  quiet: number;
  /** Why a stack could not be previewed. */
  failed: { stack: string; why: string }[];
}

/**
 * Previews the stacks in which something may be due, side by side; one that fails keeps no other from its preview.
 * @throws UsageError for a name that none has
 */
export async function planFleet(call: Call, stacks: string[]): Promise<FleetPlan> {
  const { quiet, loud } = await triage(call, stacks);
  const previews = new Map<string, Preview>();
  const failed: FleetPlan["failed"] = [];
  await atOnce(call, loud, async (job) => {
    const [stack, targets] = job;
    try {
      previews.set(stack, (await callOf(call, job).engine.preview(targets)) as Preview);
    } catch (error) {
      if (!(error instanceof Failure || error instanceof UsageError)) throw error;
      failed.push({ stack, why: error.message });
    }
  });
  // In the order of the stacks, whichever was first.
  const found = loud.flatMap(([stack]) => previews.get(stack) ?? []);
  const plan = digest({
    steps: found.flatMap(({ steps = [] }) => steps),
    diagnostics: found.flatMap(({ diagnostics = [] }) => diagnostics),
  });
  failed.sort((a, b) => stacks.indexOf(a.stack) - stacks.indexOf(b.stack));
  return {
    plan: { ...plan, warnings: [...new Set(plan.warnings)] },
    previewed: found.length,
    quiet: quiet.length,
    failed,
  };
}
