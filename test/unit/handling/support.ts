import type { ResultPlan } from "../../../proxy/handling/plan.ts";
import type { Scanner } from "../../../proxy/handling/scanner.ts";

/** Everything passes unless a test says otherwise. */
export function planOf(more: Partial<ResultPlan> = {}): ResultPlan {
  return { maxTextBytes: 1e6, contentTypes: ["*"], schemaMismatch: "pass", secrets: "pass", personalData: "pass", instructions: "pass", hidden: "pass", trusted: false, enforced: true, ...more };
}

const MARK = /ignore all previous instructions[^.]*\.?/i;

/** Finds one sentence, with a score of its own: what the real scanner finds is its own tests' matter. */
export const markScanner: Scanner = {
  scanText(text) {
    const match = MARK.exec(text);
    return match ? { score: 0.83, spans: [{ start: match.index, end: match.index + match[0].length, score: 0.83 }] } : { score: 0, spans: [] };
  },
  scanJson: (bytes) => ({ score: MARK.test(Buffer.from(bytes).toString("utf8")) ? 0.83 : 0 }),
};

export const awsKey = `AKIA${"ABCDEFGH234567QR"}`;
