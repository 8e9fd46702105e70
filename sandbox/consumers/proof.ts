// How a consumer shows which value of a secret it runs with, without ever showing the value:
// it answers a challenge with an HMAC that only a holder of the same value can compute.
import { createHmac } from "node:crypto";
import type { FastifyInstance } from "fastify";

/** Challenges are hex of 16 to 64 random bytes: long enough never to repeat, short enough for a URL. */
const challengePattern = /^[0-9a-f]{32,128}$/i;

/** Environment as a platform hands it to a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the proof endpoint answers. */
export interface Proof {
  /** Name of the environment variable, as asked for. */
  name: string;
  /** Id of the answering process: constant for its life, different in every other process. */
  instance: string;
  /** `hex(HMAC-SHA256(key = the value, message = "rotation-proof:v1:" + name + ":" + challenge))`. */
  proof: string;
  /** Whether a value under `<name>_PREVIOUS` is accepted as well. */
  previous: boolean;
  /** When the process started, RFC 3339 in UTC. */
  startedAt: string;
}

/** Who answers, and for which variables. */
export interface ProofOptions {
  /** Path in front of `/:name`, without a slash at its end: `/api/v1/healthz/secrets`. */
  path: string;
  /** Variables that may be asked about; every other name is answered as if it were absent. */
  names: readonly string[];
  env: Environment;
  instance: string;
  startedAt: Date;
}

/**
 * The answer to a challenge.
 * @param name environment variable
 * @param value its value; never logged and not recoverable from the answer
 * @param challenge hex, used exactly as sent
 */
export function proofOf(name: string, value: string, challenge: string): string {
  return createHmac("sha256", value).update(`rotation-proof:v1:${name}:${challenge}`).digest("hex");
}

/** Whether a text may be used as a challenge: 32 to 128 hex characters. */
export function isChallenge(text: unknown): text is string {
  return typeof text === "string" && challengePattern.test(text);
}

/**
 * Adds `GET <path>/:name?challenge=<hex>` to an application.
 * Answers 200 with a {@link Proof}, 400 for a malformed challenge, 404 for a variable that is absent, empty or not listed.
 */
export function registerProof(app: FastifyInstance, options: ProofOptions): void {
  const allowed = new Set(options.names);
  app.get<{ Params: { name: string }; Querystring: { challenge?: unknown } }>(
    `${options.path}/:name`,
    async (request, reply) => {
      const { name } = request.params;
      const { challenge } = request.query;
      if (!isChallenge(challenge)) {
        return reply.code(400).send({ error: "challenge must be 32 to 128 hex characters" });
      }
      const value = allowed.has(name) ? options.env[name] : undefined;
      if (!value) return reply.code(404).send({ error: "no such secret here" });
      const proof: Proof = {
        name,
        instance: options.instance,
        proof: proofOf(name, value, challenge),
        previous: Boolean(options.env[`${name}_PREVIOUS`]),
        startedAt: options.startedAt.toISOString(),
      };
      return reply.header("cache-control", "no-store").send(proof);
    },
  );
}
