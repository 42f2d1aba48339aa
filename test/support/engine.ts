import { fork, type ChildProcess } from "node:child_process";
import { cp, lstat, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ENGINE_THREADPOOL_SIZE, type EngineOptions } from "../../collector/engine/config.ts";

/** An embedded store in a child process of the test, on a free port, in a directory of its own. */
export interface TestEngine {
  readonly url: string;
  readonly dataDir: string;
  readonly pid: number;
  /** Sends a signal and waits until the process is gone. The directory stays. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts again on the same directory; `url` changes. Stops a process that still runs. */
  restart(): Promise<void>;
  /** Ends the process and removes the directory. May be called twice. */
  stop(): Promise<void>;
}

export interface TestEngineOptions extends Partial<Omit<EngineOptions, "dataDir">> {
  /** A directory to open, which `stop` then leaves alone. */
  dataDir?: string;
  /** The directory of a store that was stopped: what it holds is there from the start. */
  copyOf?: string;
}

const entry = fileURLToPath(new URL("../../signalbox.ts", import.meta.url));

/** Rejects with the store's own message where it does not start. */
export async function startEngine({ copyOf, ...options }: TestEngineOptions = {}): Promise<TestEngine> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "signalbox-store-")));
  if (copyOf !== undefined) await cp(copyOf, dataDir, { recursive: true, filter: isStored });
  let current = await launch(dataDir, options);

  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    const { child } = current;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await gone;
  };

  return {
    get url() {
      return current.url;
    },
    get pid() {
      return current.child.pid ?? 0;
    },
    dataDir,
    kill,
    async restart() {
      await kill("SIGTERM");
      current = await launch(dataDir, options);
    },
    async stop() {
      await kill("SIGKILL");
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The pipes that results came through can stay behind, and are no data. */
async function isStored(path: string): Promise<boolean> {
  const entry = await lstat(path);
  return entry.isFile() || entry.isDirectory();
}

async function launch(dataDir: string, options: TestEngineOptions): Promise<{ child: ChildProcess; url: string }> {
  const { dataDir: _dir, port = 0, ...store } = options;
  // JSON is YAML: this is a configuration as a person would write it.
  const configDir = await mkdtemp(join(tmpdir(), "signalbox-store-config-"));
  const config = join(configDir, "signalbox.yaml");
  await writeFile(config, JSON.stringify({ store: { port, ...store } }));
  const child = fork(entry, ["--config", config, "store", "--store-dir", dataDir], {
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { ...process.env, UV_THREADPOOL_SIZE: String(ENGINE_THREADPOOL_SIZE), SIGNALBOX_LOG_LEVEL: "warn" },
  });
  child.once("exit", () => void rm(configDir, { recursive: true, force: true }));
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  const url = await new Promise<string>((ready, fail) => {
    child.on("message", (message: { type: string; url?: string; code?: string; message?: string }) => {
      if (message.type === "ready" && message.url) ready(message.url);
      if (message.type === "failed") fail(Object.assign(new Error(message.message), { code: message.code }));
    });
    child.once("exit", (code, signal) => fail(new Error(`the store ended (${code ?? signal}) before it was ready: ${errors}`)));
  });
  return { child, url };
}
