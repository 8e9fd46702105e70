// Brings the sandbox up: the toolchain, then servers, vendors and consumers. Options: --dir <folder>.
import { connectOrStart } from "./client.ts";
import { chosenDir } from "./daemon-file.ts";
import { ensureToolchain } from "./toolchain/toolchain.ts";

try {
  const dir = chosenDir(process.argv.slice(2));
  const began = Date.now();
  const { env, started } = await connectOrStart(dir, (line) => console.log(line), {
    toolchain: () => ensureToolchain(),
  });
  console.log(
    started ? `✓ sandbox        up in ${((Date.now() - began) / 1000).toFixed(1)} s` : "✓ sandbox        already up",
  );
  const shown = { API: "VISAPI_API_URL", "front end": "VISAPI_APP_URL", Vault: "VAULT_ADDR", Render: "RENDER_API_URL" };
  const more = { Vercel: "VERCEL_API_URL", GitHub: "GITHUB_BASE_URL", state: "PULUMI_BACKEND_URL" };
  for (const [what, name] of Object.entries({ ...shown, ...more }))
    if (env[name]) console.log(`  ${what.padEnd(15)}${env[name]}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
