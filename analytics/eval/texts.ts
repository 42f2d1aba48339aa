import { SignalboxError } from "../../collector/kernel/errors.ts";
import { scanText } from "../../collector/text/scan.ts";
import { readRows, type Row } from "./rows.ts";
import { round } from "./traces.ts";

/** How instruction-shaped each text is, as the proxy scores a result: rows {id, text} in, {id, score} out. */
export async function* scoreTextsFile(path: string): AsyncGenerator<Row> {
  for await (const row of readRows(path)) {
    if ((typeof row.id !== "string" && typeof row.id !== "number") || typeof row.text !== "string") {
      throw new SignalboxError("E_EVAL_INPUT", `${path}: a row has no id or no text`, { remedy: 'a row is {"id": "...", "text": "..."}' });
    }
    yield { id: row.id, score: round(scanText(row.text).score) };
  }
}
