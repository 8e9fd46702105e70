// Stops the sandbox; what it holds stays for the next start. Options: --dir <folder>.
import { stopSandbox } from "./client.ts";
import { chosenDir } from "./daemon-file.ts";

try {
  const dir = chosenDir(process.argv.slice(2));
  const ran = await stopSandbox(dir);
  console.log(
    ran
      ? `✓ stopped        no process is left; the data stays in ${dir}`
      : `✓ stopped        nothing was running in ${dir}`,
  );
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
