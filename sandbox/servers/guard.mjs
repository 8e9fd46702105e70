// Ends the sandbox's processes when their supervisor is gone, however it went (kill -9 included).
// The supervisor holds the other end of standard input: lines "+<pid> <signal>" and "-<pid>" say which process
// groups to watch, and the end of the input, which the kernel brings about, says that the supervisor has died.
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** How long the processes get to end by themselves before SIGKILL, in milliseconds. */
const graceMs = 2_000;
const watched = new Map();

// A Ctrl-C or a hang-up is for the supervisor; the guard outlives it by a moment.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});

/** Signals a whole process group; false when nothing of it is left. */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [, sign, pid, signal] = /^([+-])(\d+) ?(\w+)?$/.exec(line) ?? [];
  if (sign === "+") watched.set(Number(pid), signal ?? "SIGTERM");
  if (sign === "-") watched.delete(Number(pid));
}

for (const [pid, signal] of watched) signalGroup(pid, signal);
const deadline = Date.now() + graceMs;
while ([...watched.keys()].some((pid) => signalGroup(pid, 0)) && Date.now() < deadline) await sleep(50);
for (const pid of watched.keys()) signalGroup(pid, "SIGKILL");
process.exit(0);
