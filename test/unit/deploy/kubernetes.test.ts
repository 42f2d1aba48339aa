import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { deployDir, readManifests } from "./manifests.ts";

const quantity = z.string().regex(/^\d+(m|Mi|Gi)?$/);
const port = z.union([z.string(), z.int()]);
const labels = z.record(z.string(), z.string());
const resources = z.strictObject({ requests: z.strictObject({ cpu: quantity, memory: quantity }), limits: z.strictObject({ cpu: quantity, memory: quantity }) });
const http = z.strictObject({ path: z.string().startsWith("/"), port, httpHeaders: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional() });
const timing = { periodSeconds: z.int(), timeoutSeconds: z.int().optional(), failureThreshold: z.int().optional() };
const probe = z.union([z.strictObject({ httpGet: http, ...timing }), z.strictObject({ tcpSocket: z.strictObject({ port }), ...timing })]);
const locked = z.strictObject({ allowPrivilegeEscalation: z.literal(false), readOnlyRootFilesystem: z.literal(true), capabilities: z.strictObject({ drop: z.tuple([z.literal("ALL")]) }) });
const secretKeyRef = z.strictObject({ name: z.string(), key: z.string() });
const env = z.union([
  z.strictObject({ name: z.string(), value: z.string() }),
  z.strictObject({ name: z.string(), valueFrom: z.union([z.strictObject({ secretKeyRef }), z.strictObject({ fieldRef: z.strictObject({ fieldPath: z.string() }) })]) }),
]);
const initContainer = z.strictObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  env: z.array(env).default([]),
  resources,
  securityContext: locked,
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string().startsWith("/"), subPath: z.string().optional(), readOnly: z.boolean().optional() })),
});
const container = initContainer.extend({
  ports: z.array(z.strictObject({ name: z.string().max(15), containerPort: z.int() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
});
const volume = z.union([
  z.strictObject({ name: z.string(), configMap: z.strictObject({ name: z.string() }) }),
  z.strictObject({ name: z.string(), secret: z.strictObject({ secretName: z.string(), defaultMode: z.int() }) }),
  z.strictObject({ name: z.string(), persistentVolumeClaim: z.strictObject({ claimName: z.string() }) }),
  z.strictObject({ name: z.string(), emptyDir: z.strictObject({ sizeLimit: quantity }) }),
]);
const selector = z.strictObject({ matchLabels: labels });
const template = z.strictObject({
  metadata: z.strictObject({ labels }),
  spec: z.strictObject({
    automountServiceAccountToken: z.literal(false),
    terminationGracePeriodSeconds: z.int().positive(),
    securityContext: z.strictObject({ runAsNonRoot: z.literal(true), runAsUser: z.int().positive(), runAsGroup: z.int().positive(), fsGroup: z.int().positive(), seccompProfile: z.strictObject({ type: z.literal("RuntimeDefault") }) }),
    topologySpreadConstraints: z.array(z.strictObject({ maxSkew: z.int(), topologyKey: z.string(), whenUnsatisfiable: z.string(), labelSelector: selector })).optional(),
    initContainers: z.array(initContainer).default([]),
    containers: z.array(container).min(1),
    volumes: z.array(volume),
  }),
});
const storage = z.strictObject({ accessModes: z.array(z.string()), resources: z.strictObject({ requests: z.strictObject({ storage: quantity }) }) });
const metadata = z.strictObject({ name: z.string(), labels: labels.optional() });
const statefulSet = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("StatefulSet"),
  metadata,
  spec: z.strictObject({
    serviceName: z.string(),
    replicas: z.int().positive(),
    podManagementPolicy: z.literal("Parallel").optional(),
    selector,
    template,
    volumeClaimTemplates: z.array(z.strictObject({ metadata: z.strictObject({ name: z.string() }), spec: storage })).min(1),
  }),
});
const deployment = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("Deployment"),
  metadata,
  spec: z.strictObject({ replicas: z.int().positive(), strategy: z.strictObject({ type: z.literal("Recreate") }), selector, template }),
});
const service = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Service"),
  metadata,
  spec: z.strictObject({
    clusterIP: z.literal("None").optional(),
    publishNotReadyAddresses: z.boolean().optional(),
    sessionAffinity: z.literal("ClientIP").optional(),
    selector: labels,
    ports: z.array(z.strictObject({ name: z.string(), port: z.int(), targetPort: z.string() })).min(1),
  }),
});
const budget = z.strictObject({
  apiVersion: z.literal("policy/v1"),
  kind: z.literal("PodDisruptionBudget"),
  metadata,
  spec: z.union([z.strictObject({ maxUnavailable: z.int(), selector }), z.strictObject({ minAvailable: z.int(), selector })]),
});
const policyPorts = z.array(z.strictObject({ port: z.int(), protocol: z.enum(["TCP", "UDP"]).optional() })).min(1);
const expressions = z.array(z.strictObject({ key: z.string(), operator: z.literal("In"), values: z.array(z.string()).min(1) }));
const peer = z.union([
  z.strictObject({ podSelector: z.union([selector, z.strictObject({ matchExpressions: expressions })]) }),
  z.strictObject({ namespaceSelector: selector }),
  z.strictObject({ ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()) }) }),
]);
const networkPolicy = z.strictObject({
  apiVersion: z.literal("networking.k8s.io/v1"),
  kind: z.literal("NetworkPolicy"),
  metadata,
  spec: z.strictObject({
    podSelector: z.strictObject({ matchLabels: labels.optional() }),
    policyTypes: z.array(z.enum(["Ingress", "Egress"])),
    ingress: z.array(z.strictObject({ from: z.array(peer).min(1), ports: policyPorts })).optional(),
    egress: z.array(z.strictObject({ to: z.array(peer).min(1), ports: policyPorts })).optional(),
  }),
});
const object = z.discriminatedUnion("kind", [
  statefulSet,
  deployment,
  service,
  budget,
  networkPolicy,
  z.strictObject({ apiVersion: z.literal("v1"), kind: z.literal("Namespace"), metadata }),
  z.strictObject({ apiVersion: z.literal("v1"), kind: z.literal("PersistentVolumeClaim"), metadata, spec: storage }),
]);

const folder = join(deployDir, "kubernetes");
const { objects, configMaps, secrets } = readManifests(folder);
const parsed = objects.map(({ value, file, name }) => {
  const result = object.safeParse(value);
  if (!result.success) throw new Error(`${file}, ${name}: ${z.prettifyError(result.error)}`);
  return result.data;
});
type Parsed = z.infer<typeof object>;
const ofKind = <K extends Parsed["kind"]>(kind: K) => parsed.filter((o): o is Extract<Parsed, { kind: K }> => o.kind === kind);
const workloads = [...ofKind("StatefulSet"), ...ofKind("Deployment")];
const matches = (wanted: Record<string, string>, has: Record<string, string>): boolean => Object.entries(wanted).every(([key, value]) => has[key] === value);

test("there is what the deployment is made of", () => {
  expect(workloads.map((w) => `${w.kind} ${w.metadata.name}`).sort()).toEqual(["Deployment backend", "StatefulSet clickhouse", "StatefulSet keeper", "StatefulSet otelcol", "StatefulSet proxy"]);
});

describe.each(workloads.map((w) => [w.metadata.name, w] as const))("%s", (name, workload) => {
  const { template: pod, selector: own } = workload.spec;
  const containers = [...pod.spec.containers, ...pod.spec.initContainers];
  const claims = workload.kind === "StatefulSet" ? workload.spec.volumeClaimTemplates.map((c) => c.metadata.name) : [];

  test("its selector matches its pods, and its service exists", () => {
    expect(matches(own.matchLabels, pod.metadata.labels)).toBe(true);
    if (workload.kind === "StatefulSet") expect(ofKind("Service").map((s) => s.metadata.name)).toContain(workload.spec.serviceName);
  });

  test("each image has a whole version", () => {
    for (const { image } of containers) expect(image).toMatch(/^[a-z0-9./-]+:\d+\.\d+\.\d+(\.\d+)?$/);
  });

  test("each probe asks a port that is open", () => {
    for (const c of pod.spec.containers) {
      for (const p of [c.startupProbe, c.livenessProbe, c.readinessProbe]) {
        const asked = "httpGet" in p ? p.httpGet.port : p.tcpSocket.port;
        expect(c.ports.map((one) => one.name)).toContain(asked);
      }
    }
  });

  test("each volume has its source, and each mount its volume and its file", () => {
    const sources = new Map(pod.spec.volumes.map((v) => [v.name, v]));
    for (const v of pod.spec.volumes) {
      if ("configMap" in v) expect([...configMaps.keys()]).toContain(v.configMap.name);
      if ("secret" in v) expect([...secrets.keys()]).toContain(v.secret.secretName);
      if ("persistentVolumeClaim" in v) expect(ofKind("PersistentVolumeClaim").map((p) => p.metadata.name)).toContain(v.persistentVolumeClaim.claimName);
    }
    for (const mount of containers.flatMap((c) => c.volumeMounts)) {
      const source = sources.get(mount.name);
      expect(source !== undefined || claims.includes(mount.name), mount.name).toBe(true);
      if (mount.subPath !== undefined && source && "configMap" in source) expect([...(configMaps.get(source.configMap.name)?.keys() ?? [])]).toContain(mount.subPath);
    }
    const mounted = new Set(containers.flatMap((c) => c.volumeMounts.map((m) => m.name)));
    expect([...sources.keys(), ...claims].filter((v) => !mounted.has(v))).toEqual([]);
  });

  test("passwords come from a secret that has them, and stand nowhere", () => {
    for (const variable of containers.flatMap((c) => c.env)) {
      if (/PASSWORD|SECRET|TOKEN/.test(variable.name)) expect(variable).toHaveProperty("valueFrom.secretKeyRef");
      if ("valueFrom" in variable && "secretKeyRef" in variable.valueFrom) expect([...(secrets.get(variable.valueFrom.secretKeyRef.name) ?? [])]).toContain(variable.valueFrom.secretKeyRef.key);
    }
  });

  test("a network policy of its own says who reaches it", () => {
    expect(ofKind("NetworkPolicy").some((p) => p.spec.podSelector.matchLabels && matches(p.spec.podSelector.matchLabels, pod.metadata.labels))).toBe(true);
  });

  test("what has volumes and a service has a disruption budget", () => {
    if (workload.kind === "Deployment") return expect(workload.spec.replicas).toBe(1);
    return expect(ofKind("PodDisruptionBudget").some((b) => matches(b.spec.selector.matchLabels, pod.metadata.labels))).toBe(true);
  });

  test(`${name} is not more often there than its configuration names`, () => {
    if (name !== "clickhouse" && name !== "keeper") return;
    const xml = readFileSync(configMaps.get(name === "keeper" ? "keeper-config" : "clickhouse-cluster")!.values().next().value!, "utf8");
    const members = name === "keeper" ? [...xml.matchAll(/<hostname>keeper-(\d)\.keeper<\/hostname>/g)] : [...xml.matchAll(/<host>clickhouse-(\d)\.clickhouse-replicas<\/host>/g)];
    expect(members.map((m) => Number(m[1]))).toEqual(Array.from({ length: workload.spec.replicas }, (_, i) => i));
  });
});

test("each service leads to a port of some pods", () => {
  for (const { metadata: { name }, spec } of ofKind("Service")) {
    const behind = workloads.filter((w) => matches(spec.selector, w.spec.template.metadata.labels));
    expect(behind, name).toHaveLength(1);
    const open = behind[0]!.spec.template.spec.containers.flatMap((c) => c.ports.map((p) => p.name));
    for (const { targetPort } of spec.ports) expect(open, name).toContain(targetPort);
  }
});

test("each port that a network policy opens is one of the pods it is for", () => {
  const podsOf = (chosen: Record<string, string>) => workloads.filter((w) => matches(chosen, w.spec.template.metadata.labels));
  for (const { spec, metadata: { name } } of ofKind("NetworkPolicy")) {
    if (!spec.podSelector.matchLabels) continue;
    const open = podsOf(spec.podSelector.matchLabels).flatMap((w) => w.spec.template.spec.containers.flatMap((c) => c.ports.map((p) => p.containerPort)));
    for (const rule of spec.ingress ?? []) for (const { port: opened } of rule.ports) expect(open, `${name} lets in`).toContain(opened);
    for (const rule of spec.egress ?? []) {
      for (const to of rule.to) {
        if (!("podSelector" in to) || !("matchLabels" in to.podSelector)) continue;
        const there = podsOf(to.podSelector.matchLabels).flatMap((w) => w.spec.template.spec.containers.flatMap((c) => c.ports.map((p) => p.containerPort)));
        for (const { port: wanted } of rule.ports) expect(there, `${name} reaches`).toContain(wanted);
      }
    }
  }
});

test("what one pod may send to another, that one lets in", () => {
  const policies = ofKind("NetworkPolicy");
  for (const from of policies) {
    const sender = from.spec.podSelector.matchLabels;
    if (!sender) continue;
    for (const rule of from.spec.egress ?? []) {
      for (const to of rule.to) {
        if (!("podSelector" in to) || !("matchLabels" in to.podSelector)) continue;
        const target = to.podSelector.matchLabels;
        const inside = policies.filter((p) => p.spec.podSelector.matchLabels && matches(p.spec.podSelector.matchLabels, target)).flatMap((p) => p.spec.ingress ?? []);
        for (const { port: wanted } of rule.ports) {
          const lets = inside.some((i) => i.ports.some((p) => p.port === wanted) && i.from.some((f) => "podSelector" in f && ("matchLabels" in f.podSelector ? matches(f.podSelector.matchLabels, sender) : f.podSelector.matchExpressions.every((e) => e.values.includes(sender[e.key] ?? "")))));
          expect(lets, `${from.metadata.name} to ${JSON.stringify(target)} on ${wanted}`).toBe(true);
        }
      }
    }
  }
});

test("the collector's configuration is the one of collector/otelcol, not a copy", () => {
  expect(configMaps.get("otelcol-config")?.get("config.yaml")).toBe(resolve(deployDir, "../otelcol/config.yaml"));
});

const noKubectl = spawnSync("kubectl", ["version", "--client"], { stdio: "ignore" }).status === 0 ? undefined : "there is no kubectl";

test.skipIf(noKubectl !== undefined)(`kubectl builds the same objects${noKubectl ? ` (skipped: ${noKubectl})` : ""}`, () => {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-kustomize-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const part of ["deploy", "otelcol"]) cpSync(resolve(deployDir, "..", part), join(dir, part), { recursive: true, filter: (path) => !path.includes("/dist") });
  const copied = join(dir, "deploy/kubernetes");
  writeFileSync(join(copied, "secrets.env"), readFileSync(join(copied, "secrets.env.example")));
  writeFileSync(join(copied, "keys.yaml"), "keys: []\n");
  const { status, stdout, stderr } = spawnSync("kubectl", ["kustomize", copied], { encoding: "utf8", timeout: 60_000 });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const built = stdout.split(/^---$/m).map((text) => parse(text) as { kind: string; metadata: { name: string } });
  const rest = built.filter((o) => o.kind !== "ConfigMap" && o.kind !== "Secret").map((o) => `${o.kind} ${o.metadata.name}`);
  expect(rest.sort()).toEqual(objects.map((o) => `${o.kind} ${o.name}`).sort());
  expect(built.filter((o) => o.kind === "ConfigMap")).toHaveLength(configMaps.size);
  expect(stdout).not.toMatch(/name: signalbox-passwords$/m);
});
