// Every secret for which a person is guided, by its full name.
import { anthropic } from "./anthropic.ts";
import { cgb } from "./cgb.ts";
import { codecov } from "./codecov.ts";
import type { Guide } from "./guide.ts";
import { render } from "./render.ts";
import { slack } from "./slack.ts";
import { stripe } from "./stripe.ts";
import { upstash } from "./upstash.ts";

export const guides: ReadonlyMap<string, Guide> = new Map(
  [cgb, ...slack, render, upstash, codecov, anthropic, stripe].map((guide) => [guide.name, guide]),
);

/** A secret without a guide of its own: taken as it is, and said so. */
export function guideFor(name: string): Guide {
  return (
    guides.get(name) ?? {
      name,
      vendor: "the vendor",
      steps: ["Make a new value at the vendor.", "Copy it."],
      ending: ["End the old value at the vendor."],
      shape: /^\S{8,}$/,
      like: "at least 8 characters without blanks",
      check: async () => ({ verdict: "shape only", said: "nothing is known of how to check it" }),
    }
  );
}
