// Looks for values in everything that runs leave behind, in the forms in which a value can slip through.
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/**
 * Every form of a value that is searched for: plain, percent-encoded (only where it must be, and every byte), hex, base64
 * and base64url at any offset, JSON (plain and with every character escaped), and each of the plain ones backwards.
 */
export function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const base64 = [0, 1, 2].map((shift) => {
    // Inside a longer text the value may begin at any of three places of a group; only whole groups of it are certain.
    const groups = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    return groups.slice(shift === 0 ? 0 : 4, groups.length - 3);
  });
  const forms = [
    value,
    encodeURIComponent(value),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...base64,
    ...base64.map((form) => form.replaceAll("+", "-").replaceAll("/", "_")),
    JSON.stringify(value).slice(1, -1),
    [...value].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
    [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
    [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`.toUpperCase()).join(""),
  ];
  forms.push(...[value, bytes.toString("hex"), JSON.stringify(value).slice(1, -1)].map(backwards));
  return [...new Set(forms)].filter((form) => form.length >= 10);
}

function backwards(text: string): string {
  return [...text].reverse().join("");
}

/** Values by name, and where one of them was found. */
export class Canaries {
  readonly #forms = new Map<string, string[]>();
  readonly found = new Set<string>();

  /** Too short a value would be found by chance. */
  plant(name: string, value: string | undefined): void {
    if (value && value.length >= 12) this.#forms.set(`${name} ${this.#forms.size}`, formsOf(value));
  }

  get count(): number {
    return this.#forms.size;
  }

  search(where: string, text: string): void {
    for (const [name, forms] of this.#forms)
      for (const form of forms) if (text.includes(form)) this.found.add(`${name} is in ${where}`);
  }

  /** Every file below a folder; compressed ones are opened. */
  searchFolder(folder: string): number {
    let files = 0;
    for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, entry);
      if (!lstatSync(path).isFile()) continue;
      const bytes = readFileSync(path);
      this.search(path, (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
      files++;
    }
    return files;
  }
}
