import type { Payload } from "../../../collector/payload/payload.ts";

/** Something that was said in a call. */
export function said(text: string, more: Partial<Payload> = {}): Payload {
  const bytes = Buffer.from(text);
  return {
    producer: "px-1",
    seq: 7,
    kind: "result",
    receivedUs: 1_767_323_045_000_000,
    traceId: "t",
    server: "files",
    method: "tools/call",
    tool: "read",
    riskTier: "low",
    contentType: "application/json",
    bytes,
    size: bytes.length,
    ...more,
  };
}
