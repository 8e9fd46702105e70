import { productionApproved } from "./approved.ts";
import { clock, clockFollowsSchedule } from "./clock.ts";
import { complete } from "./complete.ts";
import { notDefeated } from "./defeat.ts";
import { secretDestinations } from "./destinations.ts";
import { entropy } from "./entropy.ts";
import { grace } from "./grace.ts";
import { interval } from "./interval.ts";
import { keyed, keyedByClock } from "./keyed.ts";
import { overdue } from "./overdue.ts";
import { productionReplicas, productionWindow } from "./production.ts";
import type { Rule } from "./rule.ts";
import { noValueInId } from "./showing.ts";
import { noValueInPlain } from "./shown.ts";
import { vendorSecretsKnown } from "./vendor-names.ts";

/** Every rule of the pack, in the order in which people read of them. */
export const rules: readonly Rule[] = [
  interval,
  clock,
  clockFollowsSchedule,
  overdue,
  keyed,
  keyedByClock,
  entropy,
  noValueInId,
  noValueInPlain,
  secretDestinations,
  notDefeated,
  productionWindow,
  productionReplicas,
  productionApproved,
  grace,
  complete,
  vendorSecretsKnown,
];
