// Tells people about rotations. What several secrets have to say within a moment goes out as one message, and a
// message that cannot be sent never stops a rotation.
import type { Settings } from "./settings.ts";
import { post } from "./vendors/slack.ts";

const gatherMilliseconds = 400;

export class Notices {
  readonly #settings: Settings;
  #waiting = new Map<string, { lines: string[]; sent: Promise<string | undefined> }>();
  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** @returns why it could not be sent; `undefined` when it was, or when no webhook is configured */
  say(heading: string, line: string): Promise<string | undefined> {
    const url = this.#settings.get("slackWebhookUrl");
    if (!url) return Promise.resolve(undefined);
    const open = this.#waiting.get(heading);
    if (open) {
      if (!open.lines.includes(line)) open.lines.push(line);
      return open.sent;
    }
    const lines = [line];
    const sent = new Promise<string | undefined>((resolve) => {
      setTimeout(() => {
        this.#waiting.delete(heading);
        void post(url, `${heading}\n${lines.map((each) => `• ${each}`).join("\n")}`).then(resolve);
      }, gatherMilliseconds);
    });
    this.#waiting.set(heading, { lines, sent });
    return sent;
  }

  /** Sends what still waits. */
  async flush(): Promise<void> {
    await Promise.all([...this.#waiting.values()].map(({ sent }) => sent));
  }
}
