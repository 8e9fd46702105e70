// The plugin: everything that rotation needs and no published provider has.
import { Auditing } from "./audit/audited.ts";
import { credentialKinds } from "./credentials/index.ts";
import { Notices } from "./notices.ts";
import { preflight } from "./preflight.ts";
import { credential } from "./resources/credential.ts";
import { keyPair, keyPairEnd } from "./resources/key-pair.ts";
import { keySet } from "./resources/key-set.ts";
import { kubernetesRestart } from "./resources/kubernetes.ts";
import { notice } from "./resources/notice.ts";
import { overlap } from "./resources/overlap.ts";
import { precheck } from "./resources/precheck.ts";
import { renderDeploy, renderEnvVar } from "./resources/render.ts";
import { revocation } from "./resources/revocation.ts";
import { schedule } from "./resources/schedule.ts";
import { supabaseLegacyKeys } from "./resources/supabase-legacy.ts";
import { reencryption } from "./resources/reencryption.ts";
import { transitMinimum, transitRotation } from "./resources/transit.ts";
import { vercelDeployment, vercelEnvVar } from "./resources/vercel.ts";
import { verification } from "./resources/verification.ts";
import { Settings, settingNames } from "./settings.ts";
import { vendorNames, vendorNamesKept } from "./vendor-names.ts";
import { serve } from "./wire/serve.ts";

const settings = new Settings();
const notices = new Notices(settings);
const auditing = new Auditing(settings);
const kinds = credentialKinds(settings);

await serve({
  name: "rotation",
  version: "0.1.0",
  acceptSecrets: true,
  resources: [
    schedule(
      () => settings.now(),
      () => settings.vault(),
    ),
    precheck(() => settings.vault(), notices),
    overlap(settings),
    credential(settings, kinds),
    keyPair(settings, kinds),
    keyPairEnd(settings),
    keySet(settings),
    transitRotation(settings),
    reencryption(settings),
    transitMinimum(settings),
    renderEnvVar(settings),
    renderDeploy(settings),
    vercelEnvVar(settings),
    vercelDeployment(settings),
    kubernetesRestart(settings),
    supabaseLegacyKeys(settings),
    verification(notices),
    revocation(settings, kinds),
    notice(notices, () => settings.now()),
    vendorNamesKept,
  ].map((resource) => notices.of(auditing.of(resource))),
  functions: {
    "rotation:index:preflight": async (args) => {
      const [{ problems }, more] = await Promise.all([
        preflight(settings, args),
        auditing.problems(args["preview"] === true),
      ]);
      return { problems: [...(problems as string[]), ...more] };
    },
    "rotation:index:vendorNames": (args) => vendorNames(settings, args),
  },
  checkConfig: (inputs) => ({
    inputs,
    failures: Object.keys(inputs)
      .filter((key) => key !== "version" && !(settingNames as string[]).includes(key))
      .map((key) => ({
        property: key,
        reason: `rotation:${key} is no setting of this provider; there are: ${settingNames.join(", ")}`,
      })),
  }),
  configure: async (config) => settings.configure(config),
  onFailure: async (urn, message) => {
    if (!urn) return;
    notices.failed(urn, message);
    await auditing.failed(urn, message);
  },
  gone: () => notices.gone(),
  stop: async () => void (await Promise.all([notices.flush(false), auditing.flush()])),
});

// The engine's last word; by its request to stop, which comes before, all is said unless a step was under way then.
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void Promise.all([notices.flush(true), auditing.flush()]).finally(() => process.exit(0)));
