import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import { Readable, type Writable } from "node:stream";
import { createBrotliCompress, createDeflate, createGzip } from "node:zlib";
import { EngineException, httpStatus, toException } from "./exceptions.ts";
import { contentType } from "./formats.ts";
import { frameWriter, writeFrame } from "./frames.ts";
import { NO_SUMMARY, type Running, type Summary } from "./run.ts";

export interface ReplyOptions {
  queryId: string;
  timezone: string;
  /** The client asked for it with enable_http_compression=1; what it accepts is in its headers. */
  compress: boolean;
  /** In frames of ClickHouse's own compression, errors too. */
  framed: boolean;
  waitEndOfQuery: boolean;
  maxBufferedBytes: number;
  /** Above this a result is cut with an error; undefined for no limit. */
  maxResultBytes: number | undefined;
}

/** A result below this is held until the query has ended, so that it gets a true status and a true summary. */
const HOLD_BYTES = 256 * 1024;

/**
 * Sends a result. An error before the first byte gets its HTTP status; later it can only be told at the end of the
 * body, in the block that ClickHouse's clients look for. Never rejects for a client that went away.
 */
export async function sendResult(
  request: IncomingMessage,
  response: ServerResponse,
  running: Running,
  options: ReplyOptions,
): Promise<void> {
  const source = Buffer.isBuffer(running.output) ? Readable.from([running.output]) : running.output;
  const tag = randomBytes(8).toString("hex");
  const limit = options.waitEndOfQuery ? options.maxBufferedBytes : HOLD_BYTES;
  const held: Buffer[] = [];
  let sink: Writable | undefined;
  let size = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      size += chunk.length;
      checkSize(size, options);
      if (sink) await push(sink, chunk);
      else held.push(chunk);
      if (!sink && size > limit) {
        sink = open(request, response, running.format, options, tag, NO_SUMMARY);
        for (const early of held.splice(0)) await push(sink, early);
      }
    }
    const summary = await running.done;
    sink ??= open(request, response, running.format, options, tag, summary);
    for (const late of held) await push(sink, late);
    sink.end();
  } catch (error) {
    if (response.destroyed) return;
    running.cancel();
    // Where the output broke off because the query failed, the query's own error is the one to tell.
    const reason = error instanceof EngineException ? error : await running.done.then(() => error, (e: unknown) => e);
    if (!sink) sendError(response, toException(reason), options);
    else sink.end(exceptionBlock(toException(reason), tag));
  }
}

function checkSize(size: number, options: ReplyOptions): void {
  if (options.maxResultBytes !== undefined && size > options.maxResultBytes) {
    throw EngineException.of("TOO_MANY_ROWS_OR_BYTES", `Limit for result exceeded, max bytes: ${options.maxResultBytes}.`);
  }
  if (options.waitEndOfQuery && size > options.maxBufferedBytes) {
    throw EngineException.of("TOO_MANY_ROWS_OR_BYTES", `Result is too large to wait for its end: ${options.maxBufferedBytes} bytes.`);
  }
}

export function sendError(response: ServerResponse, error: EngineException, options: { queryId: string; framed: boolean }): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const text = Buffer.from(`${error.message}\n`);
  const body = options.framed ? writeFrame(text) : text;
  response.writeHead(httpStatus(error.code), {
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Length": body.length,
    "X-ClickHouse-Exception-Code": String(error.code),
    "X-ClickHouse-Query-Id": options.queryId,
  });
  response.end(body);
}

function open(
  request: IncomingMessage,
  response: ServerResponse,
  format: string,
  options: ReplyOptions,
  tag: string,
  summary: Summary,
): Writable {
  const encoder = options.compress ? encoderFor(String(request.headers["accept-encoding"] ?? "")) : undefined;
  response.writeHead(200, {
    "Content-Type": contentType(format),
    "X-ClickHouse-Query-Id": options.queryId,
    "X-ClickHouse-Format": format,
    "X-ClickHouse-Timezone": options.timezone,
    "X-ClickHouse-Exception-Tag": tag,
    "X-ClickHouse-Summary": summaryHeader(summary),
    ...(encoder ? { "Content-Encoding": encoder.name } : {}),
  });
  let sink: Writable = response;
  if (encoder) sink = before(sink, encoder.stream, response);
  if (options.framed) sink = before(sink, frameWriter(), response);
  return sink;
}

/** Puts `stage` in front of `sink`. */
function before(sink: Writable, stage: Writable & NodeJS.ReadableStream, response: ServerResponse): Writable {
  stage.pipe(sink);
  response.once("close", () => stage.destroy());
  return stage;
}

function encoderFor(accepted: string): { name: string; stream: Writable & NodeJS.ReadableStream } | undefined {
  if (/\bgzip\b/.test(accepted)) return { name: "gzip", stream: createGzip({ level: 1 }) };
  if (/\bdeflate\b/.test(accepted)) return { name: "deflate", stream: createDeflate({ level: 1 }) };
  if (/\bbr\b/.test(accepted)) return { name: "br", stream: createBrotliCompress() };
  return undefined;
}

function summaryHeader(summary: Summary): string {
  return JSON.stringify({
    read_rows: String(summary.readRows),
    read_bytes: String(summary.readBytes),
    written_rows: String(summary.writtenRows),
    written_bytes: String(summary.writtenBytes),
    total_rows_to_read: "0",
    result_rows: "0",
    result_bytes: "0",
    elapsed_ns: String(Math.round(summary.elapsedS * 1e9)),
  });
}

async function push(sink: Writable, chunk: Buffer): Promise<void> {
  if (sink.destroyed) throw new Error("the client closed the connection");
  if (sink.write(chunk)) return;
  await Promise.race([once(sink, "drain"), once(sink, "close")]);
}

function exceptionBlock(error: EngineException, tag: string): string {
  const message = `${error.message}\n`;
  return `\r\n__exception__\r\n${tag}\r\n${message}${Buffer.byteLength(message)} ${tag}\r\n__exception__\r\n`;
}
