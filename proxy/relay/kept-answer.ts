import type { Handled } from "./answer-handling.ts";
import type { Exchange } from "./exchange.ts";
import { JSON_TYPE } from "./payloads.ts";

/**
 * Answers a call with a result that was kept back earlier, or says that it still is, once that is on record. The call is not
 * forwarded. Never rejects.
 */
export async function answerFromKept(exchange: Exchange, answer: Promise<Handled>): Promise<void> {
  const { call } = exchange;
  try {
    const handled = await answer;
    call.handling = handled.handling;
    call.handlingFindings = [...handled.findings];
    if (handled.bytes !== null) call.answer = exchange.context.payloads?.answerOf(call, handled.bytes, JSON_TYPE) ?? null;
    const { callId, durable } = exchange.record(handled.ending ?? { outcome: "ok", httpStatus: 200 });
    exchange.context.handling?.recorded?.(call, handled, callId);
    await durable;
    exchange.send(200, handled.bytes?.toString("utf8") ?? "");
  } catch (error) {
    exchange.unrecorded(error);
  }
}
