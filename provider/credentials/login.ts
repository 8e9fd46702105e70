// What logins at a store have in common: their names, their passwords, and the connection strings made of both.
import { randomBytes } from "node:crypto";
import { hasUnknown } from "../wire/values.ts";
import { text } from "../resources/inputs.ts";
import type { Failure, Properties } from "../wire/contract.ts";
import type { Slot } from "./kind.ts";

/** Characters of 30 random bytes, none of which means anything in a URL. */
export function newPassword(): string {
  return randomBytes(30).toString("base64url");
}

/** The login of a slot: `<application>_a`, `<application>_b`. */
export function loginOf(args: Properties, slot: Slot): string {
  return `${text(args, "application")}_${slot}`;
}

/** The slot of the login in a connection string; undefined when it is neither of the two. */
export function slotIn(args: Properties, address: string): Slot | undefined {
  if (!URL.canParse(address)) return undefined;
  // Behind a pooler a user is called `<role>.<ref>`.
  const [user = ""] = decodeURIComponent(new URL(address).username).split(".");
  return (["a", "b"] as const).find((slot) => loginOf(args, slot) === user);
}

/** A reference is a login and what tells its generations apart: `visapi_a#3`. */
export function referenceOf(login: string, mark: string): string {
  return `${login}#${mark}`;
}

export function parseReference(reference: string): { login: string; mark: string } {
  const at = reference.lastIndexOf("#");
  return at < 0 ? { login: reference, mark: "" } : { login: reference.slice(0, at), mark: reference.slice(at + 1) };
}

/**
 * @param address a URL; what it says of a user is replaced
 * @returns it with user and password, percent-encoded
 */
export function withLogin(address: string, user: string, password: string): string {
  const url = new URL(address);
  const rest = address.slice(address.indexOf("//") + 2).replace(/^[^/?#]*@/, "");
  return `${url.protocol}//${encodeURIComponent(user)}:${encodeURIComponent(password)}@${rest}`;
}

/** Failures of the settings that all logins have: `adminUrl`, `consumerUrl`, `application`. */
export function checkLogin(args: Properties, protocols: string[]): Failure[] {
  const failures: Failure[] = [];
  const like = `${protocols[0]}//host:port/name`;
  for (const key of ["adminUrl", "consumerUrl"]) {
    const address = text(args, key);
    if (address === "" && (key === "consumerUrl" || hasUnknown(args[key]))) continue;
    // Never quoted: the administrator's holds a password.
    if (!URL.canParse(address) || !protocols.includes(new URL(address).protocol) || new URL(address).hostname === "")
      failures.push({ property: `args.${key}`, reason: `${key} is no address of this kind; it looks like ${like}` });
  }
  const application = text(args, "application");
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(application) && !hasUnknown(args["application"]))
    failures.push({
      property: "args.application",
      reason: `application is "${application}"; give the stem of the two logins in lower-case letters, digits and "_", like "visapi" for visapi_a and visapi_b`,
    });
  return failures;
}
