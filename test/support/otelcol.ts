import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "./stack.ts";
import { waitFor } from "./wait.ts";

export const otelcolBinary = fileURLToPath(new URL("../../collector/otelcol/dist/signalbox-otelcol", import.meta.url));
export const otelcolConfig = fileURLToPath(new URL("../../collector/otelcol/config.yaml", import.meta.url));

/** Why the tests with the real collector cannot run, or undefined where they can. */
export const noOtelcol = existsSync(otelcolBinary) ? undefined : "it is not built: npm run otelcol:build";

/** The distribution that `npm run otelcol:build` made, with the configuration that we ship. */
export interface TestOtelcol {
  /** Where proxies send, and where everyone else does. */
  readonly auditUrl: string;
  readonly spansUrl: string;
  readonly pid: number;
  /** Spans that the store has acknowledged since this process started, repetitions counted. */
  delivered(): Promise<number>;
  /** Waits until nothing is in its queues or under way from them. */
  settled(): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts again on the same ports and queue. */
  restart(): Promise<void>;
  /** Ends the process and removes its queue. May be called twice. */
  stop(): Promise<void>;
}

export async function startOtelcol(store: { url: string; username: string; password: string; database: string }, env: Record<string, string> = {}): Promise<TestOtelcol> {
  const dir = await mkdtemp(join(tmpdir(), "signalbox-otelcol-"));
  const [audit, http, grpc, health, metrics] = (await freePorts(5)) as [number, number, number, number, number];
  const settings = {
    SIGNALBOX_STORE_URL: store.url,
    SIGNALBOX_STORE_USERNAME: store.username,
    SIGNALBOX_STORE_PASSWORD: store.password,
    SIGNALBOX_STORE_DATABASE: store.database,
    SIGNALBOX_OTELCOL_AUDIT: `127.0.0.1:${audit}`,
    SIGNALBOX_OTELCOL_HTTP: `127.0.0.1:${http}`,
    SIGNALBOX_OTELCOL_GRPC: `127.0.0.1:${grpc}`,
    SIGNALBOX_OTELCOL_HEALTH: `127.0.0.1:${health}`,
    SIGNALBOX_OTELCOL_METRICS_PORT: String(metrics),
    SIGNALBOX_OTELCOL_DIR: join(dir, "queue"),
    ...env,
  };
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(otelcolBinary, ["--config", otelcolConfig], { env: { ...process.env, ...settings }, stdio: ["ignore", "ignore", "pipe"] });
    let errors = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4000);
    });
    await waitFor("the collector to be healthy", async () => {
      if (child.exitCode !== null) throw new Error(`the collector ended (${child.exitCode}): ${errors}`);
      return (await fetch(`http://127.0.0.1:${health}/`)).ok;
    });
    return child;
  };
  let child = await launch();
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await gone;
  };
  /** A metric's values, one for each of the two exporters where it counts something. */
  const metric = async (name: string): Promise<number[]> => {
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    return [...text.matchAll(new RegExp(`^${name}(?:_total)?\\{.*\\} (\\S+)$`, "gm"))].map((match) => Number(match[1]));
  };
  return {
    auditUrl: `http://127.0.0.1:${audit}`,
    spansUrl: `http://127.0.0.1:${http}`,
    get pid() {
      return child.pid ?? 0;
    },
    delivered: async () => sum(await metric("otelcol_exporter_sent_spans")),
    async settled() {
      await waitFor(
        "the queues to be empty",
        async () => {
          const sizes = await metric("otelcol_exporter_queue_size");
          return sizes.length === 2 && sum(sizes) === 0;
        },
        { timeoutMs: 60_000 },
      );
    },
    kill,
    async restart() {
      await kill("SIGTERM");
      child = await launch();
    },
    async stop() {
      await kill("SIGKILL");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
