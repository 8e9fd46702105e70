// Slack incoming webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
// The URL is itself a secret: it never appears in an error.

/**
 * Posts one message; the reason in words when it could not, `undefined` when it could. Never throws.
 * @param text what is shown in notifications, and where there are no blocks
 * @param blocks the message itself (docs.slack.dev/reference/block-kit/blocks), 50 at most
 * @param ms how long to wait for the answer
 */
export async function post(
  webhookUrl: string,
  text: string,
  blocks?: readonly object[],
  ms = 5000,
): Promise<string | undefined> {
  try {
    const response = await fetch(webhookUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(blocks ? { text, blocks } : { text }),
      signal: AbortSignal.timeout(ms),
    });
    return response.ok ? undefined : `Slack answered ${response.status}`;
  } catch {
    return `Slack gave no answer in ${ms / 1000} s`;
  }
}
