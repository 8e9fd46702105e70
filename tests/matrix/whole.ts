// Faults that last for a whole run, or come from beside it.
import type { UnderTest } from "./applications/under-test.ts";
import { attempt, dueAt, generationsOf, type Attempt, type Outcome } from "./batch.ts";
import type { NamedCall } from "./calls.ts";
import { round, serversOf, type Phase } from "./cells.ts";
import { examine } from "./checks.ts";
import { smallDisk } from "./disk.ts";
import type { Field } from "./field.ts";
import { quiet, type Matrix } from "./matrix.ts";

interface Whole {
  what: string;
  /** @default a rotation of everything */
  phase?: Phase;
  around?: (field: Field) => NonNullable<Attempt["around"]>;
  /** Users of what is killed or cut off see it. */
  expectRefused?: boolean;
}

/** Does something once, when a call comes. */
function at(field: Field, test: (call: NamedCall) => boolean, act: () => void | Promise<void>): () => void {
  let done = false;
  field.wire.onCall = async (call) => {
    if (done || !test(call)) return;
    done = true;
    await act();
  };
  return () => {
    field.wire.onCall = () => undefined;
    if (!done) throw new Error("the call at which something was to happen never came");
  };
}

const stores = (call: NamedCall): boolean => call.vendor === "vault" && /^PUT .*\/data\//.test(call.what);

/** One server takes no connection for as long as a run lasts. @throws at its end, where nobody called it */
function down(vendor: string, phase: Phase): Whole {
  return {
    what: phase === "rotation" ? `${vendor} is down` : `${vendor} is down in the ${phase}`,
    phase,
    around: ({ wire }) => ({
      start: async () => wire.takeDown(vendor),
      stop: async () => {
        if (wire.bringUp(vendor) === 0) throw new Error("nobody called it");
      },
    }),
  };
}

function wholes(of: UnderTest, servers: ReadonlyMap<string, Phase>): Whole[] {
  const expectRefused = of.needsVault ?? false;
  const rollsOut = (call: NamedCall): boolean => of.rollsOut(call);
  return [
    ...[...servers].map(([vendor, phase]) => down(vendor, phase)),
    {
      what: "Vault is sealed",
      expectRefused,
      around: ({ world }) => ({ start: () => world.sandbox.vault.seal(), stop: () => world.sandbox.vault.unseal() }),
    },
    {
      what: "Vault is sealed while values are written",
      expectRefused,
      around: (field) =>
        hooked(
          field,
          stores,
          () => field.world.sandbox.vault.seal(),
          () => field.world.sandbox.vault.unseal(),
        ),
    },
    {
      what: "two runs at once",
      around: (field) => {
        let rival: Promise<unknown> = Promise.resolve();
        return hooked(
          field,
          ({ vendor }) => vendor === "slack",
          () => void (rival = field.rival()),
          async () => void (await rival),
        );
      },
    },
    {
      what: "the engine is interrupted (Ctrl-C)",
      around: (field) => hooked(field, rollsOut, () => field.interrupt()),
    },
    ...of.consumers.map(({ what, text }) => ({
      what: `${what} is killed during the roll-out`,
      expectRefused: true,
      around: (field: Field) => hooked(field, rollsOut, () => void field.killConsumers([text])),
    })),
    {
      what: "the disk with the state is full from the first value on",
      around: (field) => {
        const disk = smallDisk(field.world.dir);
        const hook = hooked(field, stores, () => disk.fill());
        return {
          start: async () => {
            disk.mount();
            await hook.start();
          },
          stop: async () => {
            disk.empty();
            await hook.stop();
          },
          end: () => disk.unmount(),
        };
      },
    },
  ];
}

function hooked(
  field: Field,
  test: (call: NamedCall) => boolean,
  act: () => void | Promise<void>,
  undo: () => void | Promise<void> = () => undefined,
): { start: () => Promise<void>; stop: () => Promise<void> } {
  let end: () => void = () => undefined;
  return {
    start: async () => void (end = at(field, test, act)),
    stop: async () => {
      await undo();
      end();
    },
  };
}

/** A settled world with users, and what comes next in it. @param phase of a first run, a world in which nothing was run */
async function ready(matrix: Matrix, phase: Phase = "rotation"): Promise<{ field: Field; next: Attempt }> {
  const field = phase === "first run" ? await matrix.fresh() : await matrix.current();
  if (phase !== "first run") {
    await matrix.settle(field);
    for (const earlier of round.slice(0, round.indexOf(phase))) await matrix.pass(field, earlier);
    await quiet();
  }
  return { field, next: { cells: [], ...(await matrix.begin(field, phase)) } };
}

/** Tries each, those that are about a server where the recording has met it. */
export async function wholeRuns(matrix: Matrix, only: RegExp, until: number): Promise<void> {
  for (const { what, phase, around, expectRefused = false } of wholes(matrix.of, serversOf(matrix.recordings))) {
    if (!only.test(what) || Date.now() > until) continue;
    await matrix.whole(what, async () => {
      const { field, next } = await ready(matrix, phase);
      return attempt(field, { ...next, ...(around ? { around: around(field) } : {}), expectRefused });
    });
  }
  if (only.test("the clock goes back and forth") && Date.now() < until)
    await matrix.whole("the clock goes back and forth", async () => clockBackAndForth(matrix));
}

/** A rotation, then a run a year before it, then one behind it: the second is refused, nothing is rotated twice, and nothing ends too early. */
async function clockBackAndForth(matrix: Matrix): Promise<Outcome> {
  const { field, next } = await ready(matrix);
  const { now, due, before } = next;
  const rotated = await attempt(field, next);
  const after = generationsOf(field);
  const past = await field.run([], [], { now: new Date(Date.parse(now) - 366 * 86_400_000).toISOString() });
  // A clock that runs behind is refused before the first effect.
  const problems =
    past.errors.length > 0 && past.errors.every((error) => error.includes("the clock was set back"))
      ? []
      : [`a run in the past said: ${past.errors.join(" | ") || "nothing"}`];
  for (const [secret, generation] of generationsOf(field))
    if (generation !== after.get(secret)) problems.push(`${secret} was rotated by a run in the past`);
  // Whoever signed in before the rotation is not known behind the end of the old values.
  await matrix.settle(field);
  await field.users.arrive();
  const later = field.world.later(0, matrix.of.endsAfterHours);
  await quiet();
  const ended = await attempt(field, {
    cells: [],
    now: later,
    due: dueAt(field, later, () => false),
    before: after,
    ends: true,
  });
  problems.push(...rotated.problems, ...ended.problems);
  const seen = await examine(field, { before, due, ends: false, now: field.world.now });
  problems.push(...seen);
  return { ...ended, problems, runs: problems.length ? undefined : ended.runs };
}
