// Counts calls the way cells are made of them.

/** Distinct calls, `<vendor> <what> #<occurrence>`, without repetitions that no cell is made of. */
export function distinctNames(recordings: readonly { phase: string; calls: readonly string[] }[]): number {
  const reading = /^\S+ (GET|select|CONNECT|LLEN|PING|ACL GETUSER|ACL LIST|CLIENT LIST)/i;
  const all = recordings.flatMap(({ phase, calls }) =>
    calls
      .filter((call) => Number(/#(\d+)$/.exec(call)?.[1]) <= (reading.test(call) ? 1 : 2))
      .map((call) => `${phase} ${call}`),
  );
  return new Set(all).size;
}
