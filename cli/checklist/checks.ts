// The checks behind the rows of the runbook's post-rotation checklist: each asks what can be asked, and says what it saw.
import type { AuditRecord } from "../../provider/audit/record.ts";
import { rotationsOf } from "../../provider/audit/rotations.ts";
import { unhealthy } from "../../provider/health.ts";
import type { ProofSource } from "../../provider/proof.ts";
import { Settings } from "../../provider/settings.ts";
import { openAudit, verifyTrail } from "../audit.ts";
import type { Call } from "../command.ts";
import { findDrift } from "../drift.ts";
import type { State } from "../engine.ts";
import { nameOf, readInventory, secretOf, type Row } from "../inventory.ts";

/** `good`; `bad`: somebody must act; `unknown`: nothing here can tell, and why. */
export interface Seen {
  verdict: "good" | "bad" | "unknown";
  said: string;
}

/** What all checks of one call look at, read once. */
export interface Around {
  call: Call;
  state: State;
  rows: Row[];
  /** URLs that answer 2xx while their services are well: those that verifications ask. */
  health: string[];
  /** Newest last; empty where no trail is kept. */
  records: AuditRecord[];
  trail: Seen;
  settings: Settings;
}

/** Seconds that an endpoint gets to become well. */
const patienceSeconds = 10;

export async function lookAround(call: Call): Promise<Around> {
  const { engine, io } = call;
  const state = await engine.state();
  const settings = new Settings();
  settings.configure(await engine.values("rotation"));
  const audit = await openAudit(engine, io, state);
  const checked = audit && (await verifyTrail(audit, state));
  const trail: Seen = !checked
    ? { verdict: "unknown", said: "the stack keeps no audit trail (rotation:audit)" }
    : checked.findings.length > 0
      ? { verdict: "bad", said: checked.findings.map(({ what }) => what).join("; ") }
      : { verdict: "good", said: `${checked.records.length} records are whole` };
  const health = state.resources
    .filter(({ type }) => type === "rotation:index:Verification")
    .flatMap(({ inputs }) => (Array.isArray(inputs?.["health"]) ? (inputs["health"] as string[]) : []));
  const rows = readInventory(state, io.now);
  return { call, state, rows, health: [...new Set(health)], records: checked?.records ?? [], trail, settings };
}

/** Every endpoint that `of` chooses is well. */
export async function well({ health }: Around, of: (url: string) => boolean, what: string): Promise<Seen> {
  const urls = health.filter(of);
  if (urls.length === 0) return { verdict: "unknown", said: `the stack knows no endpoint for ${what}` };
  const ill = (await Promise.all(urls.map((url) => unhealthy(url, patienceSeconds)))).filter(
    (said) => said !== undefined,
  );
  return ill.length > 0
    ? { verdict: "bad", said: ill.join("; ") }
    : { verdict: "good", said: urls.map((url) => new URL(url).pathname).join(", ") };
}

/** With the key that is current the API answers, and without one it refuses. */
export async function keysWork(around: Around): Promise<Seen> {
  const api = apiOf(around);
  const key = await apiKey(around);
  if (!api || !key)
    return { verdict: "unknown", said: "no API with keys of its own is known, or its key cannot be read" };
  const ask = async (headers: Record<string, string>): Promise<number> => {
    const response = await fetch(`${api}/api/v1/workflows?limit=1`, { headers, signal: AbortSignal.timeout(10_000) });
    await response.body?.cancel();
    return response.status;
  };
  const [having, lacking] = await Promise.all([ask({ "x-api-key": key }), ask({})]);
  return having === 200 && (lacking === 401 || lacking === 403)
    ? { verdict: "good", said: `200 with the current key, ${lacking} without` }
    : { verdict: "bad", said: `${having} with the current key, ${lacking} without` };
}

/** The API sends one test through an integration, or one job through its queue. */
export async function integration(around: Around, name: string): Promise<Seen> {
  const api = apiOf(around);
  const key = await apiKey(around);
  if (!api || !key)
    return { verdict: "unknown", said: "no API with keys of its own is known, or its key cannot be read" };
  const response = await fetch(`${api}/api/v1/test/${name}`, {
    method: "POST",
    headers: { "x-api-key": key },
    signal: AbortSignal.timeout(20_000),
  });
  if (response.status === 404) return { verdict: "unknown", said: `the API has no test of ${name}` };
  const { status = "", detail = "" } = (await response.json().catch(() => ({}))) as {
    status?: string;
    detail?: string;
  };
  if (status === "skipped") return { verdict: "unknown", said: `not set up in this environment (${detail})` };
  return { verdict: response.ok ? "good" : "bad", said: `${status || response.status}${detail ? `, ${detail}` : ""}` };
}

/** Every consumer that can prove what it uses has proven the current value of every secret. */
export async function proven({ rows, state }: Around): Promise<Seen> {
  const silent = rows.filter(({ state }) => state === "unfinished").map(({ name }) => name);
  if (silent.length > 0) return { verdict: "bad", said: `not proven in use: ${silent.join(", ")}` };
  const sources = state.resources
    .filter(({ type }) => type === "rotation:index:Verification")
    .flatMap(({ inputs }) => (Array.isArray(inputs?.["proofs"]) ? (inputs["proofs"] as ProofSource[]) : []));
  return { verdict: "good", said: `${rows.length} secrets, ${sources.length} places of proof` };
}

/** Old values: dead, or within a grace period that goes on. */
export async function oldValuesDead({ rows, records, call }: Around): Promise<Seen> {
  const held = rows.filter(({ why }) => /is not revoked/.test(why)).map(({ name, why }) => `${name}: ${why}`);
  const over = rows.filter(
    ({ previousUntil }) => previousUntil !== "" && Date.parse(previousUntil) <= call.io.now.getTime(),
  );
  if (held.length > 0) return { verdict: "bad", said: held.join("; ") };
  if (over.length > 0)
    return {
      verdict: "bad",
      said: `past their grace period, and ended by the next run: ${over.map(({ name }) => name).join(", ")}`,
    };
  const dead = rotationsOf(records).filter(({ previous }) => previous.state === "dead").length;
  const open = rows.filter(({ previousUntil }) => previousUntil !== "").length;
  return { verdict: "good", said: `${dead} recorded as dead, ${open} within their grace period` };
}

export async function noDrift({ call, state, settings }: Around): Promise<Seen> {
  const found = await findDrift(
    call.engine,
    state,
    [],
    settings.get("vaultAddress") && settings.get("vaultToken") ? settings.vault() : undefined,
  );
  return found.length > 0
    ? {
        verdict: "bad",
        said: `${found.map(({ resource, what }) => `${resource} ${what}`).join("; ")}; put it back: rotate drift --push`,
      }
    : { verdict: "good", said: "every destination holds what the stack wrote" };
}

/** Failed steps and unsent notices since a time. @param what a pattern of the records' details */
export function noTrouble({ records, trail }: Around, hours: number, now: Date, what?: RegExp): Seen {
  if (trail.verdict === "unknown") return trail;
  const since = new Date(now.getTime() - hours * 3_600_000).toISOString();
  const failed = records.filter(
    ({ at, event, detail = "" }) => at >= since && event === "failed" && (!what || what.test(detail)),
  );
  // A failure that a later rotation of the same secret has got over is no trouble any more.
  const open = failed.filter(
    ({ seq, secret }) =>
      !records.some((later) => later.seq > seq && later.secret === secret && later.event === "completed"),
  );
  return open.length > 0
    ? { verdict: "bad", said: open.map(({ at, secret, detail = "" }) => `${at} ${secret}: ${detail}`).join("; ") }
    : { verdict: "good", said: `${failed.length} failures in ${hours} h, none of them open` };
}

export function noticesSent({ records, trail }: Around, hours: number, now: Date): Seen {
  if (trail.verdict === "unknown") return trail;
  const since = new Date(now.getTime() - hours * 3_600_000).toISOString();
  const recent = records.filter(({ at }) => at >= since);
  const said = recent.filter(({ event }) => event === "noticed" || event === "completed");
  const unsent = recent.filter(({ detail = "" }) => detail.includes("could not be sent"));
  return unsent.length > 0
    ? { verdict: "bad", said: unsent.map(({ detail = "" }) => detail).join("; ") }
    : { verdict: "good", said: `${said.length} notices` };
}

/** Every secret has a date, and none is past it. */
export async function scheduled({ rows }: Around): Promise<Seen> {
  const late = rows.filter(({ state, dueAt }) => state === "overdue" || dueAt === "");
  const next = rows.map(({ dueAt, name }) => ({ dueAt, name })).sort((a, b) => a.dueAt.localeCompare(b.dueAt))[0];
  return late.length > 0
    ? { verdict: "bad", said: `overdue: ${late.map(({ name }) => name).join(", ")}` }
    : {
        verdict: "good",
        said: next ? `the next is ${next.name} on ${next.dueAt.slice(0, 10)}` : "there are no secrets yet",
      };
}

/** Where the API of the stack is, by its health endpoints. */
function apiOf({ health }: Around): string | undefined {
  const url = health.find((each) => each.includes("/api/v1/healthz"));
  return url?.slice(0, url.indexOf("/api/v1/"));
}

/** The administrator's key: the one in Vault, which is the newest, else the run's own. Never shown. */
async function apiKey({ state, settings }: Around): Promise<string | undefined> {
  const entry = state.resources.find(
    ({ type, urn }) => type === "vault:kv/secretV2:SecretV2" && secretOf(nameOf(urn))?.endsWith("/ADMIN_API_KEY"),
  )?.inputs;
  if (entry && settings.get("vaultAddress") && settings.get("vaultToken")) {
    const found = await settings.vault().read(String(entry["mount"]), String(entry["name"]));
    if (typeof found?.data["value"] === "string") return found.data["value"];
  }
  return settings.get("visapiAdminKey");
}
