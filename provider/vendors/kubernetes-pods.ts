// Why a pod is not well, in one line: what `kubectl describe pod` shows to somebody who looks for it.

interface Terminated {
  exitCode: number;
  reason?: string;
}

interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string }; terminated?: Terminated };
  lastState?: { terminated?: Terminated };
}

/** As much of a pod as is looked at. */
export interface Pod {
  metadata: { name: string; ownerReferences?: { uid: string }[]; deletionTimestamp?: string };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

/** More pods than these are only counted: they mostly fail for the same reason. */
const shown = 3;

/**
 * A line for each pod that is not ready, three at most.
 * @param warning the latest warning event about a pod
 */
export async function troubles(pods: Pod[], warning: (pod: string) => Promise<string | undefined>): Promise<string[]> {
  const unwell = pods.filter((pod) => !pod.metadata.deletionTimestamp && !ready(pod));
  const lines = unwell.slice(0, shown).map(async (pod) => {
    const said = await warning(pod.metadata.name);
    return `pod ${pod.metadata.name} ${reasonOf(pod)}${said ? ` [${short(said)}]` : ""}`;
  });
  const rest = unwell.length - shown;
  return [...(await Promise.all(lines)), ...(rest > 0 ? [`${rest} more pods are not ready either`] : [])];
}

function ready({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
}

/** The nearest cause: not scheduled, then a container that waits or ended, then what the pod itself says. */
export function reasonOf({ status }: Pod): string {
  const unscheduled = status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (unscheduled) return `is not scheduled (${unscheduled.reason ?? "Pending"}: ${short(unscheduled.message ?? "")})`;
  for (const container of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const { waiting, terminated } = container.state ?? {};
    const before = container.lastState?.terminated;
    const ended = (end: Terminated): string => `ended with code ${end.exitCode}${end.reason ? ` (${end.reason})` : ""}`;
    if (waiting?.reason && !["ContainerCreating", "PodInitializing"].includes(waiting.reason))
      return `waits in container ${container.name} (${waiting.reason}: ${short(waiting.message ?? "")})${before ? `, which ${ended(before)} before` : ""}`;
    if (terminated && terminated.exitCode !== 0) return `has container ${container.name}, which ${ended(terminated)}`;
  }
  const waiting = status?.containerStatuses?.find((container) => !container.ready);
  if (waiting && status?.phase === "Running")
    return `runs, but container ${waiting.name} is not ready${waiting.restartCount ? ` after ${waiting.restartCount} restarts` : ""}`;
  return `is ${status?.phase ?? "unknown"}${status?.reason ? ` (${status.reason}: ${short(status.message ?? "")})` : ""}`;
}

/** One line, of a length that can be read. */
function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  return line.length > 240 ? `${line.slice(0, 237)}...` : line;
}
