// Plain tables and colours for the terminal.
import { stripVTControlCharacters, styleText } from "node:util";

/** Columns as wide as they need to be, two spaces apart; the last one runs free. */
export function columns(head: string[], body: string[][]): string {
  const width = (cell: string | undefined): number => stripVTControlCharacters(cell ?? "").length;
  const widths = head.map((title, at) => Math.max(width(title), ...body.map((line) => width(line[at]))));
  const line = (cells: string[]): string =>
    cells
      .map((cell, at) => cell + " ".repeat(Math.max(0, (widths[at] ?? 0) - width(cell))))
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((each) => "─".repeat(each)).join("  "), ...body.map(line)].join("\n");
}

export type Tone = "good" | "attention" | "bad";

/** Colours only where they help: on a terminal, and not where NO_COLOR or `TERM=dumb` asks for none. */
export function painter(colour: boolean): (tone: Tone, text: string) => string {
  const tones = { good: "green", attention: "yellow", bad: "red" } as const;
  return (tone, text) => (colour ? styleText(tones[tone], text, { validateStream: false }) : text);
}

/** no-color.org: any value that is not empty. */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}
