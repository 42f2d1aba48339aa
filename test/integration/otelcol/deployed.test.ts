import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { noOtelcol, otelcolBinary, otelcolConfig } from "../../support/otelcol.ts";

const deploy = resolve(import.meta.dirname, "../../../collector/deploy");
type Variables = Record<string, string>;

const compose = parse(readFileSync(join(deploy, "compose.yaml"), "utf8"), { merge: true }) as { services: { otelcol: { environment: Variables } } };
const statefulSet = parseAllDocuments(readFileSync(join(deploy, "kubernetes/otelcol.yaml"), "utf8"))
  .map((document) => document.toJS() as { kind: string; spec: { template: { spec: { containers: [{ env: { name: string; value?: string }[] }] } } } })
  .find((object) => object.kind === "StatefulSet");
const kubernetes: Variables = Object.fromEntries((statefulSet?.spec.template.spec.containers[0].env ?? []).map(({ name, value }) => [name, value ?? ""]));

test.skipIf(noOtelcol !== undefined).each([
  ["compose.yaml", compose.services.otelcol.environment],
  ["Kubernetes", kubernetes],
])(`the collector accepts its configuration with the settings of %s${noOtelcol ? ` (skipped: ${noOtelcol})` : ""}`, (_where, environment) => {
  const dir = mkdtempSync(join(tmpdir(), "signalbox-otelcol-validate-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const env = { ...environment, SIGNALBOX_STORE_PASSWORD: "some password", SIGNALBOX_OTELCOL_DIR: dir };
  const validate = (changed: Variables) => spawnSync(otelcolBinary, ["validate", "--config", otelcolConfig], { env: { ...env, ...changed }, encoding: "utf8", timeout: 60_000 });
  const { status, stderr } = validate({});
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(validate({ SIGNALBOX_OTELCOL_MEMORY_MIB: "much" }).status).not.toBe(0);
});
