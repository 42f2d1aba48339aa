import type { MessageFacts } from "../transport/message-scan.ts";
import type { Ending } from "./call.ts";

/** What a message's own words say of how it ended. `status` is the HTTP status that carried them. */
export function endingOf(facts: MessageFacts | null, status: number, expectsAnswer: boolean): Ending {
  // A gateway in between that failed says so in its status, whatever it put into the body.
  if (status >= 502 && status <= 504) {
    return { outcome: status === 504 ? "timeout" : "transport_error", errorType: String(status), rpcCode: facts?.errorCode ?? "", httpStatus: status };
  }
  if (facts?.kind === "error") {
    const code = facts.errorCode || "unknown";
    return { outcome: "rpc_error", errorType: code, rpcCode: facts.errorCode, httpStatus: status };
  }
  if (status >= 400) return { outcome: "transport_error", errorType: String(status), httpStatus: status };
  if (facts?.kind === "result") {
    return facts.isError ? { outcome: "tool_error", errorType: "tool_error", httpStatus: status } : { outcome: "ok", httpStatus: status };
  }
  if (expectsAnswer) return { outcome: "transport_error", errorType: "invalid_response", httpStatus: status };
  return { outcome: "ok", httpStatus: status };
}

/** A stream of events is over and the answer did not come. One that can be resumed may bring it on another stream. */
export function endingWithoutAnswer(resumable: boolean, status: number): Ending {
  return resumable
    ? { outcome: "interrupted", errorType: "stream_resumable", httpStatus: status }
    : { outcome: "transport_error", errorType: "stream_ended", httpStatus: status };
}
