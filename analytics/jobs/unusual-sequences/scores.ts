import type { Store } from "../../../collector/store/client.ts";
import type { StoredSequence } from "./read.ts";
import { scoreSequence, type BehaviourModel } from "./score.ts";

const rowsAnInsert = 20_000;

/** Stores how surprising each call of the window was, and how its task stood with it. Scoring a call again under the same version leaves one row. */
export async function writeScores(store: Store, model: BehaviourModel, sequences: readonly StoredSequence[], by: { version: string; nowMs: number }): Promise<void> {
  const rows = sequences.flatMap((sequence) => scoreRows(model, sequence, by));
  for (let i = 0; i < rows.length; i += rowsAnInsert) await store.insert("sequence_scores", rows.slice(i, i + rowsAnInsert));
}

function scoreRows(model: BehaviourModel, sequence: StoredSequence, { version, nowMs }: { version: string; nowMs: number }): object[] {
  const score = scoreSequence(model, sequence);
  return sequence.callIds.slice(sequence.before).map((callId, i) => {
    const at = sequence.before + i;
    const transition = model.sequence.transitionAt(sequence.className, sequence.steps, at);
    const dash = callId.lastIndexOf("-");
    return {
      unit: sequence.unit,
      producer: callId.slice(0, dash),
      seq: callId.slice(dash + 1),
      model_version: version,
      // Microseconds, which are more than an ISO time made of milliseconds would keep.
      ts: (sequence.timesMs[at]! / 1000).toFixed(6),
      task_id: sequence.taskId,
      agent: sequence.agent,
      task_class: sequence.className,
      position: at + 1,
      context: transition.context,
      next: transition.next,
      seen: transition.seen,
      seen_context: transition.of,
      bits: score.surprisals[at]!,
      after_untrusted_bits: score.afterUntrusted[at]!,
      argument_bits: score.fromArguments[at]!,
      task_score: score.totals[at]!,
      scored_at: new Date(nowMs).toISOString(),
    };
  });
}
