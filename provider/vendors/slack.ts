// Slack incoming webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
// The URL is itself a secret: it never appears in an error.

/** Posts one message; the reason in words when it could not, `undefined` when it could. Never throws. */
export async function post(webhookUrl: string, text: string): Promise<string | undefined> {
  try {
    const response = await fetch(webhookUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text }),
      signal: AbortSignal.timeout(5000),
    });
    return response.ok ? undefined : `Slack answered ${response.status}`;
  } catch {
    return "Slack gave no answer in 5 s";
  }
}
