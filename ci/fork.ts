// Whether a pull request comes from a fork: then the job gets no secrets and no identity, and a preview is left out with
// a sentence instead of an error. Output `preview`: "true" or "false".
import { addSummary, readContext, readEvent, script, setOutput } from "./context.ts";

interface Pull {
  head?: { repo?: { full_name?: string } | null };
}

await script(async () => {
  const { env } = process;
  const { repository } = readContext(env);
  const pull = readEvent(env)["pull_request"] as Pull | undefined;
  // The head of a pull request whose fork was deleted has no repository.
  const from = pull ? pull.head?.repo?.full_name : repository;
  const own = from?.toLowerCase() === repository.toLowerCase();
  setOutput(env, "preview", String(own));
  if (!own)
    addSummary(
      env,
      `The preview is left out: this pull request comes from ${from ?? "a fork that is gone"}, and forks get no credentials. The policies' own tests ran. A maintainer who has read the change gets a preview by pushing it to a branch of ${repository}.`,
    );
});
