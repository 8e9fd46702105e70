// Takes a value from a person without showing it: no echo on a terminal, else all of standard input.
import { UsageError } from "./command.ts";

const longest = 65_536;
/** What terminals put around a pasted text. */
const pasteMarks = ["\u001b[200~", "\u001b[201~"];

/** @throws UsageError when there is none, or it cannot be one value */
export async function readValue(input: NodeJS.ReadStream, say: (text: string) => void): Promise<string> {
  const text = input.isTTY ? await withoutEcho(input, say) : await all(input);
  const value = text.replace(/\r?\n$/, "").trim();
  if (value === "") throw new UsageError("No value was given. Nothing was stored.");
  // Pasting two lines would otherwise store the second one with the first, unseen.
  if (/\s/.test(value)) throw new UsageError("The value has blanks or several lines in it. Nothing was stored.");
  return value;
}

async function all(input: NodeJS.ReadStream): Promise<string> {
  let text = "";
  input.setEncoding("utf8");
  for await (const chunk of input) {
    text += String(chunk);
    if (text.length > longest)
      throw new UsageError(`The value is longer than ${longest} characters. Nothing was stored.`);
  }
  return text;
}

/** Raw mode, so that the terminal shows nothing: Enter ends, Backspace takes back, Ctrl-C and Ctrl-D give up. */
function withoutEcho(input: NodeJS.ReadStream, say: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    // Silent before anybody is asked: what is pasted early is not shown either.
    input.setRawMode(true);
    say("Paste the value and press Enter; it is not shown:");
    input.setEncoding("utf8");
    const end = (finish: () => void): void => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      finish();
    };
    const take = (chunk: string): void => {
      for (const key of pasteMarks.reduce((keys, mark) => keys.replaceAll(mark, ""), chunk)) {
        if (key === "\r" || key === "\n") return end(() => resolve(text));
        if (key === "\u0003" || key === "\u0004")
          return end(() => reject(new UsageError("Given up. Nothing was stored.")));
        if (key === "\u007f" || key === "\b") text = text.slice(0, -1);
        else if (key >= " " && text.length < longest) text += key;
      }
    };
    input.on("data", take);
    input.resume();
  });
}
