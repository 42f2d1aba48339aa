import type { JsonObject } from "../../transport/envelope.ts";
import { objectOf } from "./step.ts";

/** What a server may ask its client in either era, and the capability that a client has to have for it. */
const needed: Readonly<Record<string, string>> = { "sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots" };

export const isQuestion = (method: unknown): method is string => typeof method === "string" && Object.hasOwn(needed, method);

/** Whether a client can be asked this at all. Without a mode an elicitation is a form, and so is a client's capability for it. */
export function mayAsk(capabilities: JsonObject, method: string, params: unknown): boolean {
  const capability = capabilities[needed[method]!];
  if (capability === undefined) return false;
  if (method !== "elicitation/create") return true;
  const modes = objectOf(capability);
  return objectOf(params).mode === "url" ? modes.url !== undefined : modes.form !== undefined || modes.url === undefined;
}

/** The methods whose answer may be a question, in the newest revision. */
export const mayBeAskedAbout: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);

/** Asked by an old server with an error instead of a request (2025-11-25): pages that its user has to visit first. */
export const URL_ELICITATION_REQUIRED = -32042;

export function pagesToVisit(error: JsonObject): JsonObject[] {
  const { elicitations } = objectOf(error.data);
  return Array.isArray(elicitations) ? elicitations.map(objectOf).filter(({ url }) => typeof url === "string") : [];
}
