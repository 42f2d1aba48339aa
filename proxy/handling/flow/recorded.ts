import { randomBytes } from "node:crypto";
import type { ArgumentLeaf } from "../../../collector/record/call-record.ts";
import { scanText } from "../../../collector/text/scan.ts";
import { Digester } from "../../relay/digest.ts";
import { TaskActivity } from "./task-activity.ts";
import type { ScoredSpan } from "./values.ts";

/** A call of a recorded run. */
export interface RecordedCall {
  readonly args: unknown;
  /** Nobody else can write into what the tool returns. */
  readonly trusted: boolean;
  /** What it returned; undefined where that was not kept. */
  readonly output: string | undefined;
}

/**
 * What the proxy would have recorded of the arguments of runs that are over: their leaves as keyed digests, and where the
 * values came from. The same key for all of them, and a new one each time.
 */
export function createRecordedFlow(scan: (text: string) => readonly ScoredSpan[] = (text) => scanText(text).spans): (run: readonly RecordedCall[]) => ArgumentLeaf[][] {
  const digester = new Digester(randomBytes(32));
  return (run) => {
    const activity = new TaskActivity({ digester, self: "recorded", startedMs: 0 });
    const key = "task:recorded";
    return run.map(({ args, trusted, output }, at) => {
      const { leaves } = activity.flowOf(key, args, 0);
      if (output !== undefined) activity.noteResult(key, { seq: at + 1, trusted, dataDomains: [], texts: [{ text: output, spans: scan(output) }] }, 0);
      return leaves;
    });
  };
}
