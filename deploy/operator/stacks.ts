// Writes one Stack of the Pulumi Kubernetes Operator for each part of an application, from stacks.yaml.
//   node bootstrap.mjs deploy/operator/stacks.ts <stack> <parts> | kubectl apply -f -
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Documents of one YAML stream. @throws Error that says what to type */
export function stacks(base: string | undefined, count: number, pattern: string): string {
  if (!base || !/^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/.test(base))
    throw new Error(
      `The stack is "${base ?? ""}"; give its name without the part's number, in lower-case letters, digits and dashes: node bootstrap.mjs deploy/operator/stacks.ts visapi-production 8`,
    );
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    throw new Error(`The number of parts is ${count}; give a whole number from 1 to 1000, as in: ${base} 8`);
  const documents = pattern.split(/^---$/m);
  const shared = documents.filter((text) => !/^kind: Stack$/m.test(text));
  const [stack = ""] = documents.filter((text) => /^kind: Stack$/m.test(text));
  const parts = Array.from({ length: count }, (_, at) => stack.replaceAll("PART", `${base}-${at + 1}`));
  return [...shared, ...parts].map((text) => text.trim()).join("\n---\n") + "\n";
}

if (import.meta.main) {
  const [base, count] = process.argv.slice(2);
  try {
    const pattern = readFileSync(fileURLToPath(new URL("stacks.yaml", import.meta.url)), "utf8");
    process.stdout.write(stacks(base, Number(count), pattern));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 2;
  }
}
