import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { alertsConfigSchema } from "../../../alerts/config.ts";
import { analyticsConfigSchema } from "../../../analytics/config.ts";
import { auditConfigSchema } from "../../../collector/audit/config.ts";
import { collectorConfigSchema, storeConfigSchema } from "../../../collector/config.ts";
import { loadConfig } from "../../../collector/kernel/config.ts";
import { dashboardsConfigSchema, readerCredentials } from "../../../dashboards/config.ts";
import { proxyConfigSchema } from "../../../proxy/config.ts";
import { loadPolicies } from "../../../proxy/policy/load-policies.ts";
import { loadRegistry } from "../../../proxy/registry/load-registry.ts";
import { deployDir } from "./manifests.ts";

const healthcheck = z.union([
  z.strictObject({ test: z.array(z.string()).min(2), interval: z.string(), timeout: z.string(), retries: z.int(), start_period: z.string() }),
  z.strictObject({ disable: z.literal(true) }),
]);
const dependsOn = z.record(z.string(), z.strictObject({ condition: z.enum(["service_healthy", "service_completed_successfully"]) }));
const serviceSchema = z.strictObject({
  image: z.string().regex(/^[a-z0-9./-]+:\d+\.\d+\.\d+(\.\d+)?$/, "an image with its whole version"),
  build: z.strictObject({ context: z.string(), dockerfile: z.string(), target: z.string() }).optional(),
  user: z.string().regex(/^[1-9]\d*:[1-9]\d*$/, "not root"),
  restart: z.string(),
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal("ALL")]),
  security_opt: z.tuple([z.literal("no-new-privileges:true")]),
  tmpfs: z.array(z.string()),
  logging: z.strictObject({ driver: z.string(), options: z.record(z.string(), z.string()) }),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()),
  volumes: z.array(z.string()).min(1),
  ports: z.array(z.string().regex(/^127\.0\.0\.1:\d+:\d+$/, "published on loopback")).optional(),
  networks: z.array(z.string()).min(1),
  depends_on: dependsOn.optional(),
  ulimits: z.unknown().optional(),
  stop_grace_period: z.string().optional(),
  healthcheck,
  deploy: z.strictObject({
    resources: z.strictObject({
      limits: z.strictObject({ cpus: z.string(), memory: z.string().regex(/^\d+[MG]$/), pids: z.int() }),
      reservations: z.strictObject({ memory: z.string() }).optional(),
    }),
  }),
});
const composeSchema = z.looseObject({
  name: z.literal("signalbox"),
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.strictObject({})),
});

const compose = composeSchema.parse(parse(readFileSync(join(deployDir, "compose.yaml"), "utf8"), { merge: true }));
const services = Object.entries(compose.services);
const dockerfile = readFileSync(join(deployDir, "Dockerfile"), "utf8");

test("there is what the deployment is made of, and each part that goes on has a health check", () => {
  expect(Object.keys(compose.services)).toEqual(["keeper", "clickhouse", "migrate", "otelcol", "proxy", "backend"]);
  for (const [name, service] of services) expect("disable" in service.healthcheck, name).toBe(name === "migrate");
});

test("what a service names exists", () => {
  for (const [name, service] of services) {
    for (const network of service.networks) expect(Object.keys(compose.networks), name).toContain(network);
    for (const other of Object.keys(service.depends_on ?? {})) expect(Object.keys(compose.services), name).toContain(other);
    for (const volume of service.volumes) {
      const [source = ""] = volume.split(":");
      if (source.startsWith(".")) {
        expect(existsSync(resolve(deployDir, source)), `${name}: ${source}`).toBe(true);
        expect(volume, `${name} can't change what is mounted from here`).toMatch(/:ro$/);
      } else expect(Object.keys(compose.volumes), name).toContain(source);
    }
    if (service.build) expect(dockerfile).toMatch(new RegExp(`^FROM \\S+ AS ${service.build.target}$`, "m"));
  }
  const used = new Set(services.flatMap(([, s]) => s.volumes.map((v) => v.split(":")[0])));
  expect(Object.keys(compose.volumes).filter((v) => !used.has(v))).toEqual([]);
});

test("no password has a default, and the example of the environment has a line for each and no value", () => {
  const wanted = new Set<string>();
  for (const [name, { environment }] of services) {
    for (const [variable, value] of Object.entries(environment)) {
      if (!/PASSWORD|SECRET|TOKEN/.test(variable)) continue;
      expect(value, `${name} ${variable}`).toMatch(new RegExp(`^\\$\\{${variable}:\\?.+\\}$`));
      wanted.add(variable);
    }
  }
  for (const file of [".env.example", "kubernetes/secrets.env.example"]) {
    const lines = readFileSync(join(deployDir, file), "utf8").split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines.sort(), file).toEqual([...wanted].map((variable) => `${variable}=`).sort());
  }
  const users = readFileSync(join(deployDir, "shared/users.xml"), "utf8");
  expect(users).toContain('<default remove="remove"/>');
  const passwords = [...users.matchAll(/<password\b[^>]*>/g)].map(([tag]) => tag);
  expect(passwords).toHaveLength(2);
  for (const tag of passwords) expect(wanted).toContain(/^<password from_env="(\w+)"\/>$/.exec(tag)?.[1]);
});

test("images are built of pinned ones, as nobody special, and the package and the collector are those of this version", () => {
  for (const [, base] of dockerfile.matchAll(/^FROM (\S+)/gm)) expect(base).toMatch(/^(node|golang):\d+\.\d+\.\d+-bookworm(-slim)?$/);
  const { version } = JSON.parse(readFileSync(resolve(deployDir, "../../package.json"), "utf8")) as { version: string };
  const manifest = parse(readFileSync(resolve(deployDir, "../otelcol/manifest.yaml"), "utf8")) as { dist: { version: string } };
  for (const [, named] of dockerfile.matchAll(/mcp-signalbox-([\d.]+)\.tgz/g)) expect(named).toBe(version);
  for (const name of ["migrate", "proxy", "backend"]) expect(compose.services[name]?.image).toBe(`signalbox:${version}`);
  expect(compose.services.otelcol?.image).toBe(`signalbox-otelcol:${manifest.dist.version}`);
  expect(dockerfile.match(/^USER .*/gm)).toEqual(["USER 1000:1000", "USER 1000:1000"]);
});

test("the collector runs on the configuration of collector/otelcol, not on a copy", () => {
  const mounted = compose.services.otelcol?.volumes.find((v) => v.endsWith(":/etc/otelcol/config.yaml:ro")) ?? "";
  expect(resolve(deployDir, mounted.split(":")[0] ?? "")).toBe(resolve(deployDir, "../otelcol/config.yaml"));
  const config = readFileSync(resolve(deployDir, "../otelcol/config.yaml"), "utf8");
  for (const variable of Object.keys(compose.services.otelcol?.environment ?? {})) {
    if (variable.startsWith("SIGNALBOX_")) expect(config, "a variable that the configuration reads").toContain(`\${env:${variable}:-`);
  }
});

test("the roles' configuration is valid in every section, and takes its passwords from the environment", () => {
  const file = join(deployDir, "shared/signalbox.yaml");
  const env = { SIGNALBOX_STORE_PASSWORD: "store-secret", SIGNALBOX_READER_PASSWORD: "reader-secret" };
  const config = loadConfig({ file, cwd: deployDir, env });
  const sections = { store: storeConfigSchema, collector: collectorConfigSchema, audit: auditConfigSchema, proxy: proxyConfigSchema, analytics: analyticsConfigSchema, alerts: alertsConfigSchema, dashboards: dashboardsConfigSchema } as const;
  for (const [name, schema] of Object.entries(sections)) config.section(name as keyof typeof sections, schema);
  expect(config.section("store", storeConfigSchema)).toMatchObject({ external: true, password: "store-secret", cluster: { name: "signalbox", database: "signalbox" } });
  const { reader } = config.section("dashboards", dashboardsConfigSchema);
  expect(readerCredentials(reader, env)).toEqual({ username: "reader", password: "reader-secret" });
  expect(() => readerCredentials(reader, {})).toThrow("SIGNALBOX_READER_PASSWORD is not set");
  expect(readFileSync(file, "utf8")).not.toMatch(/password:\s*(?!"\$\{env:)\S/);
});

test("the roles find one another: names are services, ports are theirs, paths are mounted", () => {
  const config = loadConfig({ file: join(deployDir, "shared/signalbox.yaml"), cwd: deployDir, env: {} });
  const proxy = config.section("proxy", proxyConfigSchema);
  for (const url of [config.section("store", storeConfigSchema).url, config.section("collector", collectorConfigSchema).url]) expect(Object.keys(compose.services)).toContain(new URL(url).hostname);
  expect(compose.services.otelcol?.environment.SIGNALBOX_OTELCOL_AUDIT).toBe(`0.0.0.0:${new URL(config.section("collector", collectorConfigSchema).url).port}`);
  const mounts = compose.services.proxy?.volumes.map((v) => v.split(":")[1] ?? "") ?? [];
  for (const path of [proxy.registry, proxy.policies, proxy.keys, config.dataDir]) expect(mounts.some((m) => path === m || path?.startsWith(`${m}/`)), path).toBe(true);
  expect(compose.services.proxy?.ports).toEqual([`127.0.0.1:${proxy.port}:${proxy.port}`]);
});

test("the example registry and policies have no faults, and each of their files reaches Kubernetes", () => {
  const registry = loadRegistry(join(deployDir, "control/registry"));
  const { set } = loadPolicies(join(deployDir, "control/policies"), { dataDir: "/var/lib/signalbox" });
  expect(registry.servers.size).toBeGreaterThan(0);
  expect(set.version).not.toBe("");
  const kustomization = readFileSync(join(deployDir, "control/kustomization.yaml"), "utf8");
  for (const folder of ["registry", "policies"]) for (const file of readdirSync(join(deployDir, "control", folder))) expect(kustomization).toContain(`${folder}/${file}`);
});
