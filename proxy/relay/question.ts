import { isQuestion } from "../era/bridge/questions.ts";
import { isObject, type JsonObject } from "../transport/envelope.ts";
import type { MessageFacts } from "../transport/message-scan.ts";

/** What a server of the older protocol asks its client in the middle of a call, as its record names it; null for anything else. */
export function questionOf({ id, method, answers }: MessageFacts): { readonly method: string; readonly id: string } | null {
  const name = method.slice(1, -1);
  return id !== "" && !answers && isQuestion(name) ? { method: name, id: id.replace(/^"|"$/g, "") } : null;
}

/** The same as it stands in an event, with parameters in any case; null where no parser can read it. */
export function readQuestion(data: Buffer): (JsonObject & { params: JsonObject }) | null {
  try {
    const value: unknown = JSON.parse(data.toString("utf8"));
    return isObject(value) ? { ...value, params: isObject(value.params) ? value.params : {} } : null;
  } catch {
    return null;
  }
}
