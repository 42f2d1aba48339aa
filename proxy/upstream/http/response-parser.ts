import type { IncomingHttpHeaders } from "node:http";
import { isFieldName, isFieldValue } from "./field.ts";
import { HttpFault } from "./response.ts";

/** Where the parts of a response go. */
export interface ResponseSink {
  head(status: number, headers: IncomingHttpHeaders): void;
  /** A view of what was pushed, which holds during this call alone. */
  body(piece: Buffer): void;
  /** `reusable`: its connection may carry another request; the server keeps it for `keepMs`, where it says so. */
  end(reusable: boolean, keepMs: number | null): void;
}

type State = "head" | "counted" | "chunk-size" | "chunk" | "chunk-end" | "trailers" | "until-close" | "over";

const HEAD_BYTES = 32 * 1024;
const CHUNK_LINE_BYTES = 256;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;
const LENGTH = /^\d{1,15}$/;
const CHUNK_SIZE = /^([0-9a-fA-F]{1,12})[ \t]*(?:;|$)/;

/**
 * Reads responses of HTTP/1.1 (RFC 9112), one at a time. Stricter than the standard asks for: whatever two readers could
 * take for two different things, such as a length beside chunks, two lengths, folded lines or bare line feeds, is a fault,
 * because a server that is not trusted must not choose where the next response begins.
 */
export class ResponseParser {
  readonly #sink: ResponseSink;
  #state: State = "over";
  /** Of the chunk that is being read: what follows was not looked at. */
  #at = 0;
  /** The beginning of a text whose end has not arrived. */
  #begun = "";
  /** Bytes of the body, or of its chunk, that are still to come. */
  #left = 0;
  #trailerBytes = 0;
  #reusable = true;
  #keepMs: number | null = null;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  /** The next bytes are of a new response. */
  begin(): void {
    this.#state = "head";
    this.#begun = "";
    this.#reusable = true;
    this.#keepMs = null;
  }

  /** Nothing more is read of this response. */
  stop(): void {
    this.#state = "over";
  }

  /** Throws HttpFault. What comes behind the end of a response is not read, and makes its connection unfit for another. */
  push(chunk: Buffer): void {
    this.#at = 0;
    while (this.#at < chunk.length && this.#state !== "over") this.#step(chunk);
  }

  /** The server has closed its side. Throws HttpFault where it had more to say. */
  close(): void {
    if (this.#state !== "until-close") throw new HttpFault("CONNECTION_CLOSED", "the server closed the connection before its response was over");
    this.#end(false);
  }

  #step(chunk: Buffer): void {
    switch (this.#state) {
      case "head":
        return this.#readHead(chunk);
      case "counted": {
        const piece = this.#piece(chunk, this.#left);
        this.#left -= piece.length;
        this.#sink.body(piece);
        return this.#left === 0 ? this.#end(this.#at === chunk.length) : undefined;
      }
      case "until-close":
        return this.#sink.body(this.#piece(chunk, Infinity));
      case "chunk-size":
        return this.#readChunkSize(chunk);
      case "chunk": {
        const piece = this.#piece(chunk, this.#left);
        this.#left -= piece.length;
        if (this.#left === 0) this.#state = "chunk-end";
        return this.#sink.body(piece);
      }
      case "chunk-end":
        if (this.#upTo("\r\n", chunk, 0) !== null) this.#state = "chunk-size";
        return;
      case "trailers":
        return this.#readTrailer(chunk);
      case "over":
        return;
    }
  }

  #readHead(chunk: Buffer): void {
    const text = this.#upTo("\r\n\r\n", chunk, HEAD_BYTES);
    if (text === null) return;
    const lineEnd = text.indexOf("\r\n");
    const found = STATUS_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd));
    if (found === null) throw invalid("it does not begin with the status of HTTP/1");
    const status = Number(found[2]);
    const headers = lineEnd < 0 ? {} : readHeaders(text, lineEnd + 2);
    if (status === 101) throw invalid("it changes to a protocol that nobody asked for");
    // An interim response says nothing that an answer needs; the real one follows.
    if (status < 200) return;
    this.#frame(status, headers, found[1] === "0");
    const isEmpty = this.#state === "counted" && this.#left === 0;
    this.#sink.head(status, headers);
    if (isEmpty) this.#end(this.#at === chunk.length);
  }

  /** How the end of the body is found. */
  #frame(status: number, headers: IncomingHttpHeaders, isOld: boolean): void {
    const encoding: unknown = headers["transfer-encoding"];
    const length: unknown = headers["content-length"];
    if (encoding !== undefined && (isOld || length !== undefined || typeof encoding !== "string" || encoding.toLowerCase() !== "chunked")) {
      throw invalid("its length can be understood in more than one way");
    }
    if (length !== undefined && (typeof length !== "string" || !LENGTH.test(length))) throw invalid("its length is not a number");
    const { connection } = headers;
    this.#reusable = !isOld && (connection === undefined || !CLOSE.test(String(connection)));
    this.#keepMs = keepMs(headers["keep-alive"]);
    if (status === 204 || status === 304) this.#count(0);
    else if (encoding !== undefined) this.#state = "chunk-size";
    else if (length !== undefined) this.#count(Number(length));
    else this.#state = "until-close";
  }

  #count(bytes: number): void {
    this.#state = "counted";
    this.#left = bytes;
  }

  #readChunkSize(chunk: Buffer): void {
    const line = this.#upTo("\r\n", chunk, CHUNK_LINE_BYTES);
    if (line === null) return;
    const size = CHUNK_SIZE.exec(line)?.[1];
    if (size === undefined) throw invalid("the size of a chunk is not a number");
    this.#left = parseInt(size, 16);
    this.#trailerBytes = 0;
    this.#state = this.#left === 0 ? "trailers" : "chunk";
  }

  /** They are read over: nobody asked for any. */
  #readTrailer(chunk: Buffer): void {
    const line = this.#upTo("\r\n", chunk, HEAD_BYTES);
    if (line === null) return;
    if (line === "") return this.#end(this.#at === chunk.length);
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > HEAD_BYTES) throw invalid("its trailers are too large");
  }

  #piece(chunk: Buffer, most: number): Buffer {
    const from = this.#at;
    this.#at = Math.min(chunk.length, from + most);
    return chunk.subarray(from, this.#at);
  }

  #end(isLast: boolean): void {
    this.#state = "over";
    this.#sink.end(this.#reusable && isLast, this.#keepMs);
  }

  /** The text before `mark`, or null where the rest of the chunk is of it, and more is to come. */
  #upTo(mark: string, chunk: Buffer, limit: number): string | null {
    const before = this.#begun.length;
    const text = this.#begun + chunk.toString("latin1", this.#at, Math.min(chunk.length, this.#at + limit + mark.length - before));
    const at = text.indexOf(mark, Math.max(0, before - mark.length + 1));
    if (at < 0) {
      if (text.length === limit + mark.length) throw invalid("a line of it, or its headers, are too long");
      this.#begun = text;
      this.#at = chunk.length;
      return null;
    }
    this.#begun = "";
    this.#at += at + mark.length - before;
    return text.slice(0, at);
  }
}

/** Names in lower case. What comes twice is a list, as only cookies and challenges may. */
function readHeaders(text: string, from: number): IncomingHttpHeaders {
  const headers: Record<string, string | string[]> = {};
  for (let to: number; from < text.length; from = to + 2) {
    to = text.indexOf("\r\n", from);
    if (to < 0) to = text.length;
    const colon = text.indexOf(":", from);
    if (colon < 0 || colon > to) throw invalid("a header of it has no name");
    const name = headerName(text.slice(from, colon));
    const value = text.slice(colon + 1, to);
    if (!isFieldValue(value)) throw invalid("a header of it has characters that HTTP does not allow");
    const known = Object.hasOwn(headers, name) ? headers[name]! : undefined;
    headers[name] = known === undefined ? value.trim() : typeof known === "string" ? [known, value.trim()] : [...known, value.trim()];
  }
  return headers;
}

/** As they were sent, and in lower case: checked once, and the same string each time. */
const names = new Map<string, string>();
const MAX_NAMES = 512;
const MAX_KNOWN_LENGTH = 64;

function headerName(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (!isFieldName(text)) throw invalid("the name of a header has characters that HTTP does not allow");
  if (text.length > MAX_KNOWN_LENGTH) return text.toLowerCase();
  if (names.size >= MAX_NAMES) names.clear();
  // A copy: a part of a text keeps the whole of it in memory.
  const kept = Buffer.from(text, "latin1").toString("latin1");
  const name = kept.toLowerCase();
  names.set(kept, name);
  return name;
}

/** As servers say it: "timeout=5", in seconds. */
function keepMs(value: unknown): number | null {
  const seconds = typeof value === "string" ? /(?:^|[ ,])timeout=(\d{1,6})(?:[ ,]|$)/i.exec(value)?.[1] : undefined;
  return seconds === undefined ? null : Number(seconds) * 1000;
}

const invalid = (why: string): HttpFault => new HttpFault("INVALID_RESPONSE", `the response can't be read: ${why}`);
