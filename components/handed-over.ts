// What a person brings by `rotate hand-over`: a value, encrypted in the stack's config, and how often it was brought.
import * as pulumi from "@pulumi/pulumi";
import type { Application } from "./application.ts";
import type { HandedOver } from "./stack.ts";

export interface Brought {
  value: pulumi.Output<string>;
  /** Left out while the value is the one that was there before the stack came. */
  handed?: HandedOver;
}

/**
 * What was handed over; until then says so, takes the secret's name, and returns nothing.
 * @throws RunError when it was handed over and its value is gone from the config: nothing that uses it is taken away;
 * and when a new value is asked for by `forced`, which no program can make
 */
export function handedOver(application: Application, secret: string): Brought | undefined {
  const name = `${application.label}/${secret}`;
  const value = new pulumi.Config(application.label).getSecret(secret);
  const handed = application.stack.handedOver[name];
  if (!value) {
    if (handed)
      throw new pulumi.RunError(
        `${name} was handed over, and its value is missing in the stack's config. Bring it again: rotate hand-over ${secret}`,
      );
    application.claim(secret);
    void pulumi.log.warn(`${name} waits for a person to hand it over: rotate hand-over ${secret}`, application);
    return undefined;
  }
  if (application.stack.forced[name])
    throw new pulumi.RunError(
      `forced["${name}"] asks for a new value of ${name}, which only a person can fetch. Type: rotate hand-over ${secret}; and remove the entry: pulumi config rm --path 'forced["${name}"]'`,
    );
  return { value: pulumi.secret(value), ...(handed ? { handed } : {}) };
}
