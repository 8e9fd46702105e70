import { randomBytes } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";

/** An answer in the vendor's shape; a string is plain text, everything else JSON. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Thrown by a route to answer with an error. */
export class Refusal extends Error {
  readonly answer: Answer;
  constructor(status: number, body?: unknown, headers?: Record<string, string>) {
    super(`refused with ${status}`);
    this.answer = { status, body, headers };
  }
}

export function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  void reply.code(answer.status).headers(answer.headers ?? {});
  return typeof answer.body === "string" ? reply.type("text/plain").send(answer.body) : reply.send(answer.body);
}

/** Token of `Authorization: Bearer` (or GitHub's older `token`), or undefined. */
export function bearer(request: FastifyRequest): string | undefined {
  return /^(?:Bearer|token) +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
}

/** An identifier such as "dep-d0f3..." (`length` characters of hex, default 20). */
export function newId(prefix: string, length = 20): string {
  return (
    prefix +
    randomBytes(Math.ceil(length / 2))
      .toString("hex")
      .slice(0, length)
  );
}
