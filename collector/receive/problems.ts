/** Why a span was not stored, as its sender reads it in `partial_success`. */
export const problems = {
  traceId: "trace_id must be 16 bytes and not all zero",
  spanId: "span_id must be 8 bytes and not all zero",
  parentSpanId: "parent_span_id must be 8 bytes or empty",
  startTime: "start_time_unix_nano must be before February 2106",
  eventTime: "an event's time_unix_nano must be before February 2106",
  link: "a link's trace_id must be 16 bytes and its span_id 8 bytes, or empty",
} as const;
