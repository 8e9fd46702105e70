// Which job of GitHub Actions works at a stack on which machine. A lock of Pulumi knows its machine by the host's name
// alone, and the machine of a job is gone with the job. So a job leaves a note beside the state for as long as it runs:
// by that, a later one can ask GitHub whether the run that made a lock has ended.
import { hostname } from "node:os";
import { openStore, type Store } from "../cli/backends/store.ts";
import { locksOf, type Fate, type Lock } from "../cli/locks.ts";
import { projectName } from "../cli/state-file.ts";
import { CiError, onGithub, readContext, type Context } from "./context.ts";
import { Repository, type Attempt } from "./github.ts";

/** What a job says of itself. */
export interface JobNote {
  /** `owner/name` */
  repository: string;
  runId: number;
  attempt: number;
  hostname: string;
  /** RFC 3339, by the clock of the job's machine: before it makes a lock. */
  at: string;
}

/** What GitHub says of a run's attempt; `failed` when it could not be asked. */
export type Answer = Attempt | { failed: string };

/** Clocks of a machine that was set right while it ran, and of GitHub beside it. */
const [ownSkew, foreignSkew] = [60_000, 300_000];

/** @returns undefined for what is no note */
export function readNote(text: string): JobNote | undefined {
  try {
    const note = JSON.parse(text) as Partial<JobNote> | null;
    const { repository, runId, attempt, hostname: host, at } = note ?? {};
    const whole = Number.isInteger(runId) && Number.isInteger(attempt) && !Number.isNaN(Date.parse(at ?? ""));
    return whole && typeof repository === "string" && typeof host === "string" ? (note as JobNote) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether the job that made a lock is known to be gone.
 * @param note of the lock's machine; undefined when there is none
 * @param run what GitHub says of that job's run; undefined when it cannot be asked of this repository
 * @param url of that run, for people
 */
export function judgeLock(lock: Lock, note: JobNote | undefined, run: Answer | undefined, url: string): Fate {
  const stays = (why: string): Fate => ({ gone: false, why });
  if (!note) return stays("That is another machine, of which no job of GitHub Actions has left a note.");
  if (!run) return stays(`That machine ran ${url}, which is another repository's and cannot be asked about from here.`);
  if ("failed" in run) return stays(`Whether ${url} has ended, which ran on that machine, is not known: ${run.failed}`);
  if (run.status !== "completed")
    return stays(`It is of ${url}, and GitHub says that this run is ${run.status}. Wait for it to end.`);
  // Between the two it was the job's machine; before and after, that name may have been anybody's.
  const made = Date.parse(lock.at);
  const within = made >= Date.parse(note.at) - ownSkew && made <= Date.parse(run.updated_at) + foreignSkew;
  if (!within) return stays(`That machine ran ${url}, but the lock was made before that began or after it had ended.`);
  return { gone: true, why: `The lock of a job whose run has ended (${url}) is taken away.` };
}

/** The notes of one stack. */
export class JobNotes {
  readonly #store: Store;
  readonly #place: { project: string; stack: string };
  readonly #context: Context;
  readonly #me: JobNote;
  readonly #asked = new Map<string, Promise<Answer>>();

  /** @param here the name by which locks of this machine know it */
  constructor(store: Store, place: { project: string; stack: string }, context: Context, here = hostname()) {
    this.#store = store;
    this.#place = place;
    this.#context = context;
    const { repository, runId, attempt } = context;
    // The clock that locks are made by, whatever time the run is for.
    this.#me = { repository, runId, attempt, hostname: here, at: new Date().toISOString() };
  }

  /** @returns undefined outside of GitHub Actions, and for a backend into which nothing can be written from here */
  static async open(env: NodeJS.ProcessEnv, stack: string): Promise<JobNotes | undefined> {
    if (!onGithub(env)) return undefined;
    const [store, project] = [await openStore(env), projectName(env)];
    const place = { project: project ?? "", stack: stack.split("/").pop() ?? stack };
    return store && project ? new JobNotes(store, place, readContext(env)) : undefined;
  }

  /**
   * Leaves this job's note.
   * @returns why none could be left
   * @throws CiError when a job on a machine of the same name may still be at work: what looks like a dead lock of this
   * machine might be the other's
   */
  async enter(): Promise<string | undefined> {
    const { hostname: here, repository, runId, attempt } = this.#me;
    const other = await this.#noteOf(here);
    const mine = other?.repository === repository && other.runId === runId && other.attempt === attempt;
    if (other && !mine) {
      const [run, url] = [await this.#ask(other), this.#url(other)];
      if (!run || "failed" in run)
        throw new CiError(
          `${url} left a note that it works at ${this.#place.stack} on a machine named ${here} as this one is, and whether it has ended is not known${run ? `: ${run.failed}` : ""}. Start this again later; once that job is known to be gone, delete ${this.#key(here)} where the state is kept. Nothing was changed.`,
        );
      if (run.status !== "completed")
        throw new CiError(
          `${url} works at ${this.#place.stack} on a machine named ${here} as this one is, and GitHub says that it is ${run.status}. A lock knows its machine by that name alone, so each would take the other's for a dead one. Wait for it to end; then give each runner a host name of its own. Nothing was changed.`,
        );
    }
    return this.#store.write(this.#key(here), `${JSON.stringify(this.#me)}\n`).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
  }

  /** Whether the run that made a lock of another machine has ended, as far as GitHub and the machine's note tell. */
  async fate(lock: Lock): Promise<Fate> {
    let note: JobNote | undefined;
    try {
      note = await this.#noteOf(lock.host);
    } catch (error) {
      return { gone: false, why: `That machine's note cannot be read: ${(error as Error).message}.` };
    }
    return judgeLock(lock, note, note && (await this.#ask(note)), note ? this.#url(note) : "");
  }

  /**
   * Takes away this job's note, and those of jobs that have ended. One whose machine has a lock in the stack stays, since
   * the next run has nothing else to know it by.
   */
  async leave(): Promise<void> {
    const { project, stack } = this.#place;
    const locked = new Set((await locksOf(this.#store, project, stack)).map(({ host }) => host));
    for (const key of await this.#store.list(this.#folder)) {
      const note = readNote((await this.#store.read(key))?.toString("utf8") ?? "");
      if (!note || locked.has(note.hostname) || key !== this.#key(note.hostname)) continue;
      const mine = JSON.stringify(note) === JSON.stringify(this.#me);
      const run = mine ? undefined : await this.#ask(note);
      if (mine || (run && "status" in run && run.status === "completed")) await this.#store.remove(key);
    }
  }

  get #folder(): string {
    return `.pulumi/secret-rotation/${this.#place.project}/${this.#place.stack}/jobs/`;
  }

  #key(host: string): string {
    return `${this.#folder}${encodeURIComponent(host)}.json`;
  }

  async #noteOf(host: string): Promise<JobNote | undefined> {
    const note = readNote((await this.#store.read(this.#key(host)))?.toString("utf8") ?? "");
    return note?.hostname === host ? note : undefined;
  }

  #url({ repository, runId, attempt }: JobNote): string {
    return `${this.#context.serverUrl}/${repository}/actions/runs/${runId}/attempts/${attempt}`;
  }

  /** @returns undefined for a run of another repository: this job's token says nothing about it */
  async #ask({ repository, runId, attempt }: JobNote): Promise<Answer | undefined> {
    if (repository !== this.#context.repository) return undefined;
    const key = `${runId}/${attempt}`;
    const asking =
      this.#asked.get(key) ??
      new Repository(this.#context)
        .attempt(runId, attempt)
        .catch((error: unknown) => ({ failed: (error as Error).message }));
    this.#asked.set(key, asking);
    return asking;
  }
}
