// A mail server that takes what is sent to it by whoever knows its password, and keeps it.
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

export interface Received {
  to: string[];
  /** Head and body, as they came. */
  text: string;
}

export class Mailbox {
  readonly #server: SMTPServer;
  readonly #password: string;
  readonly mails: Received[] = [];

  private constructor(password: string) {
    this.#password = password;
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS"],
      onAuth: (given, _session, done) =>
        given.username === "rotation" && given.password === password
          ? done(null, { user: "rotation" })
          : done(new Error("no")),
      onData: (stream, session, done) => {
        let text = "";
        stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        stream.on("end", () => {
          this.mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), text });
          done();
        });
      },
    });
  }

  static async start(password: string): Promise<Mailbox> {
    const mailbox = new Mailbox(password);
    await new Promise<void>((resolve) => mailbox.#server.listen(0, "127.0.0.1", resolve));
    return mailbox;
  }

  /** With the password, as `rotation:smtpUrl` takes it. */
  get url(): string {
    const { port } = this.#server.server.address() as AddressInfo;
    return `smtp://rotation:${this.#password}@127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.close();
  }
}
