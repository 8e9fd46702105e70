// What kwok plays: nodes that are ready at once, and pods that get ready, cannot pull their image, or end, in the
// steps in which a kubelet would say so (kwok's Stage API, kwok.x-k8s.io/v1alpha1).

/** Images below this name cannot be pulled: a pod with one stays in ImagePullBackOff. */
export const unreachableRegistry = "unreachable.invalid/";

/** How long a pod takes to get ready, and to end, in milliseconds. */
const [startMs, endMs] = [400, 200];

interface Match {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  values?: string[];
}

const stage = (name: string, kind: "Node" | "Pod", matches: Match[], next: object, milliseconds = 0): object => ({
  apiVersion: "kwok.x-k8s.io/v1alpha1",
  kind: "Stage",
  metadata: { name },
  spec: {
    resourceRef: { apiGroup: "v1", kind },
    selector: { matchExpressions: matches },
    ...(milliseconds ? { delay: { durationMilliseconds: milliseconds } } : {}),
    next,
  },
});

const missingImage = `[.spec.containers[].image | startswith("${unreachableRegistry}")] | any | tostring`;
const alive: Match = { key: ".metadata.deletionTimestamp", operator: "DoesNotExist" };
/** On pods that run for real: the sandbox's kubelet (`kubelet.ts`) says how they are, and kwok leaves them to it. */
export const programAnnotation = "sandbox/program";
const played: Match = { key: `.metadata.annotations["${programAnnotation}"]`, operator: "DoesNotExist" };
const pending: Match = { key: ".status.phase", operator: "In", values: ["Pending"] };

/** A status template with one condition for each type. */
const conditions = (status: string, types: string[]): string =>
  `conditions:\n${types.map((type) => `- type: ${type}\n  status: "${status}"\n  lastTransitionTime: {{ Now | Quote }}\n`).join("")}`;

const containers = (ready: boolean, state: string): string =>
  `containerStatuses:\n{{ range .spec.containers }}\n- name: {{ .name | Quote }}\n  image: {{ .image | Quote }}\n  imageID: ""\n  ready: ${ready}\n  started: ${ready}\n  restartCount: 0\n  state:\n${state}\n{{ end }}\n`;

/** kwok's configuration file: YAML documents, written as JSON. */
export function kwokStages(): string {
  const stages = [
    stage(
      "node-ready",
      "Node",
      [{ key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: "NotIn", values: ["True"] }],
      {
        statusTemplate:
          "conditions:\n{{ range NodeConditions }}\n- type: {{ .type | Quote }}\n  status: {{ .status | Quote }}\n  reason: {{ .reason | Quote }}\n" +
          "  message: {{ .message | Quote }}\n  lastHeartbeatTime: {{ Now | Quote }}\n  lastTransitionTime: {{ Now | Quote }}\n{{ end }}\n" +
          'capacity: { cpu: "32", memory: 256Gi, pods: "1000" }\nallocatable: { cpu: "32", memory: 256Gi, pods: "1000" }\nphase: Running\n',
      },
    ),
    stage(
      "pod-ready",
      "Pod",
      [
        alive,
        played,
        pending,
        { key: ".spec.nodeName", operator: "Exists" },
        { key: missingImage, operator: "NotIn", values: ["true"] },
      ],
      {
        event: { type: "Normal", reason: "Started", message: "Started container" },
        statusTemplate:
          conditions("True", ["PodScheduled", "Initialized", "ContainersReady", "Ready"]) +
          containers(true, "    running:\n      startedAt: {{ Now | Quote }}") +
          "phase: Running\nstartTime: {{ Now | Quote }}\n" +
          '{{ $ips := PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}\n' +
          "{{ with $ips }}\npodIP: {{ index . 0 | Quote }}\n{{ end }}\n",
      },
      startMs,
    ),
    stage(
      "pod-image-missing",
      "Pod",
      [
        alive,
        played,
        pending,
        { key: ".spec.nodeName", operator: "Exists" },
        { key: missingImage, operator: "In", values: ["true"] },
        { key: ".status.containerStatuses.[].state.waiting.reason", operator: "NotIn", values: ["ImagePullBackOff"] },
      ],
      {
        event: { type: "Warning", reason: "Failed", message: "Failed to pull image: the registry does not answer" },
        statusTemplate:
          conditions("False", ["ContainersReady", "Ready"]) +
          containers(
            false,
            '    waiting:\n      reason: ImagePullBackOff\n      message: {{ printf "Back-off pulling image %s" .image | Quote }}',
          ) +
          "phase: Pending\n",
      },
      startMs,
    ),
    stage(
      "pod-ends",
      "Pod",
      [{ key: ".metadata.deletionTimestamp", operator: "Exists" }, played],
      { finalizers: { empty: true }, delete: true },
      endMs,
    ),
  ];
  return stages.map((each) => `${JSON.stringify(each)}\n`).join("---\n");
}
