// Codecov: best without any token. Uploads from GitHub Actions can prove themselves by OIDC
// (github.com/codecov/codecov-action README, `use_oidc`).
import type { Guide, Verdict } from "./guide.ts";

export const codecov: Guide = {
  name: "visapi/CODECOV_TOKEN",
  vendor: "Codecov",
  instead: [
    "No token is needed: uploads from GitHub Actions can prove themselves by OIDC. In the workflow:",
    "    permissions:",
    "      contents: read",
    "      id-token: write",
    "    steps:",
    "      - uses: codecov/codecov-action@v5",
    "        with: { use_oidc: true }",
    "With that in place remove CODECOV_TOKEN from applications/visapi-hand-overs.ts and the config (pulumi config rm visapi:CODECOV_TOKEN), and the next run removes it from GitHub.",
  ],
  steps: [
    'Open https://app.codecov.io, choose the repository, "Configuration", "General", "Regenerate" beside the upload token.',
    "The old token ends at once: go on without a pause, uploads fail until GitHub has the new one.",
    "Copy the new token.",
  ],
  ending: ["Nothing to do: regenerating it ended the old one."],
  endsOld: true,
  shape: /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
  like: "0a1b2c3d-...: a UUID",
  check: async (): Promise<Verdict> => ({
    verdict: "shape only",
    said: "Codecov has no way to check an upload token without uploading; only its shape was looked at",
  }),
};
