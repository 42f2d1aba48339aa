/**
 * Builds the distribution that collector/otelcol/manifest.yaml describes into dist/ beside it, with the collector's own builder, which Go runs
 * from its module. Does nothing where dist/ was built from this manifest by this Go. `npm run otelcol:build`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

const MIN_GO = [1, 26] as const;
/** A first build downloads and compiles some hundred modules: 4 minutes on two slow cores. */
const TIMEOUT_MS = 30 * 60_000;

const here = (path: string): string => fileURLToPath(new URL(`../collector/otelcol/${path}`, import.meta.url));
const manifest = here("manifest.yaml");
const work = here("dist/build");
const builtBinary = here("dist/build/signalbox-otelcol");
const binary = here("dist/signalbox-otelcol");
const stamp = here("dist/built-from");

const startedAt = performance.now();
const go = goVersion();
const wanted = createHash("sha256").update(readFileSync(manifest)).update(go).digest("hex");
if (existsSync(binary) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) {
  say(`${binary} is up to date`);
} else {
  build();
}

function build(): void {
  const { version } = (parse(readFileSync(manifest, "utf8")) as { dist: { version: string } }).dist;
  say(`building the collector ${version} with ${go}; the first time takes minutes`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const builder = `go.opentelemetry.io/collector/cmd/builder@v${version}`;
  const run = spawnSync("go", ["run", builder, "--config", manifest], {
    // The manifest's output_path is seen from here.
    cwd: here("."),
    stdio: "inherit",
    timeout: TIMEOUT_MS,
    // A workspace around this checkout is none of the builder's business, and neither is another Go than the one asked for.
    env: { ...process.env, GOWORK: "off", GOTOOLCHAIN: "local", CGO_ENABLED: "0" },
  });
  if (run.error) fail(`the builder did not run: ${run.error.message}`);
  if (run.status !== 0) fail(`the builder failed (${run.status ?? run.signal}); what it said stands above`);
  renameSync(builtBinary, binary);
  rmSync(work, { recursive: true, force: true });
  writeFileSync(stamp, wanted);
  say(`${binary} built in ${Math.round((performance.now() - startedAt) / 1000)} s`);
}

function goVersion(): string {
  const { stdout, error } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  if (error) fail(`Go ${MIN_GO.join(".")} is needed to build it, and there is no go on the PATH`);
  const [, major = "0", minor = "0"] = /^go(\d+)\.(\d+)/.exec(stdout.trim()) ?? [];
  if (Number(major) === MIN_GO[0] && Number(minor) < MIN_GO[1]) fail(`Go ${MIN_GO.join(".")} is needed to build it, not ${stdout.trim()}`);
  return stdout.trim();
}

function say(text: string): void {
  process.stdout.write(`otelcol: ${text}\n`);
}

function fail(text: string): never {
  process.stderr.write(`otelcol: ${text}\n`);
  process.exit(1);
}
