/** The programs that the sandbox runs, as absolute paths; `ensureToolchain()` finds or builds them. */
export interface ToolchainPaths {
  /** Folder to put first on PATH: `pulumi`, its language host and its plugins. */
  binDir: string;
  pulumi: string;
  /** Vault: takes `-listen <address>` and `-data <folder>`. */
  vault: string;
  node: string;
  /** Folder with `initdb` and `postgres`. */
  postgresBin: string;
  redisServer: string;
  /** What `PULUMI_HOME` has to be for the engine to find official plugins. @default pulumi's own */
  pulumiHome?: string;
}
