// Notices by SMTP. The address of the server holds its password, so it never appears in an error.

export interface Mail {
  /** `smtp://user:password@host:587` (STARTTLS where offered) or `smtps://…:465`. */
  server: string;
  from: string;
  /** One address, or several with commas. */
  to: string;
}

/** @returns why it was not taken; undefined when it was. Never throws */
export async function mail(
  { server, from, to }: Mail,
  title: string,
  text: string,
  ms: number,
): Promise<string | undefined> {
  const limits = { connectionTimeout: ms, greetingTimeout: ms, socketTimeout: ms, dnsTimeout: ms };
  try {
    // Loaded by whoever has mail sent, and not at each start of the provider.
    const { default: nodemailer } = await import("nodemailer");
    const transport = nodemailer.createTransport({ url: server, ...limits });
    try {
      await transport.sendMail({ from, to, subject: title, text });
      return undefined;
    } finally {
      transport.close();
    }
  } catch (error) {
    const { code, responseCode } = error as { code?: string; responseCode?: number };
    return `the mail server did not take it (${responseCode ?? code ?? "no reason"})`;
  }
}
