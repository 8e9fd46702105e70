// What VisAPI's inventory rotates and the stack itself works with: docs/own-tokens.md.

/**
 * By the environment variable that a run works with: where Vault keeps the current value, below the mount of the
 * secrets, in the field `value`.
 */
export const ownTokens: Readonly<Record<string, string>> = {
  VERCEL_API_TOKEN: "visapi/VERCEL_API_TOKEN",
  VISAPI_ADMIN_API_KEY: "visapi/ADMIN_API_KEY",
  RENDER_API_KEY: "visapi/RENDER_API_KEY",
};
