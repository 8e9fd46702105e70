// Brings up the toolchain by itself and says what it is made of: node bootstrap.mjs sandbox/toolchain/main.ts
import { ensureToolchain, summary } from "./toolchain.ts";

try {
  const toolchain = await ensureToolchain();
  console.log(summary(toolchain.parts));
  console.log(`on PATH: ${toolchain.binDir}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
