import { fork } from "node:child_process";
import { once } from "node:events";
import type { END, LoadJob, LoadReport } from "./load.ts";

/** The load generator as seen from the bench. Jobs run one after another. */
export interface LoadProcess {
  run(job: LoadJob): Promise<LoadReport>;
  /** No call of the job under way begins any more; its report comes as usual. */
  end(): void;
  stop(): void;
}

export function startLoadProcess(): LoadProcess {
  const child = fork(new URL("load.ts", import.meta.url), [], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return {
    async run(job) {
      child.send(job);
      // A target that hangs must not hang the bench with it.
      const [report] = (await once(child, "message", { signal: AbortSignal.timeout(job.maxMs + 60_000) })) as [LoadReport];
      if (report.errors > 0) throw new Error(`${report.errors} calls to ${job.url} failed, the first with: ${report.fault}`);
      return report;
    },
    end: () => void child.send("end" satisfies typeof END),
    stop: () => void child.kill(),
  };
}
