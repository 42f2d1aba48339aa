import { fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ClusterEngine {
  /** The rows of a statement. ` ON CLUSTER main` is left out: the engine has no queue for it. */
  run<T = Record<string, unknown>>(sql: string): Promise<T[]>;
  stop(): Promise<void>;
}

const entry = fileURLToPath(new URL("./cluster-engine-process.ts", import.meta.url));

export interface ClusterEngineOptions {
  /** A directory to open, which `stop` then leaves alone. */
  readonly root?: string;
  readonly grants?: readonly string[];
  readonly profile?: string;
}

export async function startClusterEngine({ root: given, ...access }: ClusterEngineOptions = {}): Promise<ClusterEngine> {
  const root = given ?? (await mkdtemp(join(tmpdir(), "signalbox-cluster-")));
  const child = fork(entry, [root, JSON.stringify(access)], { execArgv: [], env: { ...process.env, UV_THREADPOOL_SIZE: "8" } });
  const waiting = new Map<number, (answer: { text: string; error?: string }) => void>();
  child.on("message", (answer: { id: number; text: string; error?: string }) => waiting.get(answer.id)?.(answer));
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  await Promise.race([new Promise((ready) => waiting.set(0, ready)), exited.then(() => Promise.reject(new Error("the engine ended before it was ready")))]);
  let last = 0;
  return {
    async run<T>(sql: string) {
      const id = ++last;
      const answer = new Promise<{ text: string; error?: string }>((done) => waiting.set(id, done));
      child.send({ id, sql: sql.replaceAll(" ON CLUSTER main", "") });
      const { text, error } = await Promise.race([answer, exited.then(() => ({ text: "", error: "the engine ended" }))]);
      waiting.delete(id);
      if (error !== undefined) throw new Error(`${error}\n${sql.slice(0, 200)}`);
      return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as T);
    },
    async stop() {
      child.kill("SIGKILL");
      await exited;
      if (given === undefined) await rm(root, { recursive: true, force: true });
    },
  };
}
