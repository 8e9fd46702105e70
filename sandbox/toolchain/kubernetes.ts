// A Kubernetes cluster for the sandbox: one that a person has, one that kind makes, or a control plane of our own,
// built from source and played by kwok. It is looked for apart from the rest, since only those who use it wait for it.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { buildKubernetes, buildKwok, type Built } from "./builds.ts";
import { ensureEtcd, type Etcd } from "./debian.ts";
import { findOnPath } from "./path.ts";
import { type Progress, reporter, type Step } from "./progress.ts";
import type { Part } from "./toolchain.ts";

/** The programs of a control plane of our own, as absolute paths. */
export interface ControlPlanePrograms {
  etcd: string;
  apiserver: string;
  controllerManager: string;
  scheduler: string;
  kwok: string;
}

/** Where Kubernetes comes from: a cluster that exists, by its kubeconfig, or programs to start one from. */
export type KubernetesToolchain = { existing: { kubeconfig: string; context?: string } } | OwnControlPlane;

/** A control plane of the sandbox's own. */
export interface OwnControlPlane {
  programs: ControlPlanePrograms;
  parts: Part[];
}

export interface KubernetesOptions {
  /** @default a reporter on stderr */
  progress?: Progress;
  /** The cache's folder. @default cacheRoot() */
  cache?: string;
  /** Where programs are looked for. @default PATH */
  path?: string;
  /** What says whether an existing cluster is used. @default process.env */
  env?: NodeJS.ProcessEnv;
  /** How the parts come about; tests put quick ones in their place. */
  makers?: Partial<KubernetesMakers>;
}

export interface KubernetesMakers {
  etcd: (step: Step, search: { path?: string }) => Promise<Etcd>;
  kubernetes: typeof buildKubernetes;
  kwok: typeof buildKwok;
}

/** The cluster that kind makes for us. */
const kindCluster = "secret-rotation";

/**
 * A cluster, in this order: the current context of the person's kubeconfig when `SECRET_ROTATION_KUBECONFIG=1` says so
 * (the sandbox then makes its namespace there); kind, when it is on PATH and works; else a control plane of our own.
 * The last takes a second when it is cached and about fifteen minutes on two cores when it is not.
 * @throws Error that says what to do when none of them can be had
 */
export async function ensureKubernetes(options: KubernetesOptions = {}): Promise<KubernetesToolchain> {
  const env = options.env ?? process.env;
  const { progress = reporter() } = options;
  if (env["SECRET_ROTATION_KUBECONFIG"] === "1") return { existing: given(env) };
  const kind = findOnPath("kind", options.path);
  if (kind !== undefined) {
    const made = await byKind(kind, progress.step("kind"));
    if (made) return { existing: made };
  }
  return ownControlPlane({ ...options, progress });
}

function given(env: NodeJS.ProcessEnv): { kubeconfig: string } {
  // Several files make one kubeconfig only together; what reads it here takes one.
  const files = (env["KUBECONFIG"] || join(env["HOME"] ?? homedir(), ".kube", "config")).split(delimiter);
  const [file = ""] = files;
  if (files.length > 1)
    throw new Error(
      `KUBECONFIG names ${files.length} files; put them into one (kubectl config view --flatten > one) and name that.`,
    );
  if (!existsSync(file))
    throw new Error(
      `SECRET_ROTATION_KUBECONFIG=1 asks for the cluster of ${file}, which is not there. Set KUBECONFIG to the file of ` +
        `your cluster, or unset SECRET_ROTATION_KUBECONFIG to have a cluster of the sandbox's own.`,
    );
  return { kubeconfig: file };
}

/** Finds or makes the cluster; undefined when kind cannot work here, for instance without a container runtime. */
async function byKind(kind: string, step: Step): Promise<{ kubeconfig: string; context: string } | undefined> {
  const run = (...args: string[]) => execa(kind, args, { stdin: "ignore" });
  try {
    const { stdout } = await run("get", "clusters");
    if (!stdout.split("\n").includes(kindCluster)) {
      step.update("making a cluster");
      await run("create", "cluster", "--name", kindCluster, "--wait", "180s");
    }
    const file = join(homedir(), ".kube", "config");
    await run("export", "kubeconfig", "--name", kindCluster, "--kubeconfig", file);
    step.done(`cluster ${kindCluster}`);
    return { kubeconfig: file, context: `kind-${kindCluster}` };
  } catch (error) {
    const said = ((error as { stderr?: string }).stderr ?? "").trim().split("\n").at(-1);
    step.failed(`not usable here (${said || "it failed"}); a control plane of our own takes its place`);
    return undefined;
  }
}

/** The last of them, whatever else there is. @throws Error that says what to do when it cannot be built */
export async function ownControlPlane(options: KubernetesOptions = {}): Promise<OwnControlPlane> {
  const { path, cache: root, progress = reporter() } = options;
  const makers: KubernetesMakers = {
    etcd: ensureEtcd,
    kubernetes: buildKubernetes,
    kwok: buildKwok,
    ...options.makers,
  };
  // First what may need a person, then what takes long.
  const step = progress.step("etcd");
  const etcd = await makers.etcd(step, { path });
  step.done(etcd.version);
  const build = { root, path };
  const kwok = await makers.kwok(progress, build);
  const apiserver = await makers.kubernetes("kube-apiserver", progress, build);
  const controllerManager = await makers.kubernetes("kube-controller-manager", progress, build);
  const scheduler = await makers.kubernetes("kube-scheduler", progress, build);
  const source = (name: string, built: Built): Part => ({ name, version: built.version, origin: "built from source" });
  return {
    programs: {
      etcd: etcd.path,
      apiserver: apiserver.path,
      controllerManager: controllerManager.path,
      scheduler: scheduler.path,
      kwok: kwok.path,
    },
    parts: [
      source("kubernetes", apiserver),
      source("kwok", kwok),
      { name: "etcd", version: etcd.version, origin: "debian" },
    ],
  };
}
