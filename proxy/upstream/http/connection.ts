import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import type { Outbox } from "./outbox.ts";
import { requestHead } from "./request-head.ts";
import { HttpFault, type HttpRequest, type ResponseControl, type ResponseReader } from "./response.ts";
import { ResponseParser, type ResponseSink } from "./response-parser.ts";

/** What a connection tells the client that it belongs to. */
export interface ConnectionOwner {
  /** It may carry another request, until the server may close it: in so many milliseconds, where it said so. */
  idle(connection: Connection, keepMs: number | null): void;
  /** It carries nothing any more. Told once. */
  gone(connection: Connection): void;
}

/** Larger bodies leave in a write of their own. */
const TOGETHER_BYTES = 64 * 1024;

/** One connection to a server, and the request that it carries. */
export class Connection implements ResponseSink {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #owner: ConnectionOwner;
  readonly #outbox: Outbox;
  readonly #parser = new ResponseParser(this);
  #transfer: Transfer | null = null;
  #isOpen = false;
  #isGone = false;
  #isPaused = false;
  /** When the server has taken too long; a timer that is set for an earlier time is left alone until then. */
  #deadlineMs = Infinity;
  #timer: NodeJS.Timeout | null = null;
  #timerMs = Infinity;

  /** `open` connects, and passes on what is received; its memory may be used again once that returns. */
  constructor(open: (received: (bytes: Buffer) => void) => Socket, opened: "connect" | "secureConnect", connectMs: number, host: string, owner: ConnectionOwner, outbox: Outbox) {
    this.#host = host;
    this.#owner = owner;
    this.#outbox = outbox;
    const socket = open((bytes) => this.#received(bytes));
    this.#socket = socket;
    const late = setTimeout(() => this.fail(new HttpFault("CONNECT_TIMEOUT", "the server could not be reached in time")), connectMs);
    socket.once(opened, () => {
      clearTimeout(late);
      this.#opened();
    });
    socket.on("error", (error) => this.fail(error));
    socket.on("end", () => this.#ended());
    socket.once("close", () => {
      clearTimeout(late);
      this.fail(new HttpFault("CONNECTION_CLOSED", "the server closed the connection"));
    });
  }

  /** Only when it carries no other. The reader hears of everything that goes wrong. */
  send(transfer: Transfer): void {
    this.#transfer = transfer;
    transfer.connection = this;
    transfer.reader.onRequestStart(transfer);
    if (this.#isOpen) this.#write(transfer);
  }

  /** Breaks off; what it carries ends with this error. */
  fail(error: Error): void {
    const transfer = this.#transfer;
    this.#transfer = null;
    this.#close();
    transfer?.failed(error);
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  #opened(): void {
    this.#isOpen = true;
    if (this.#transfer !== null) this.#write(this.#transfer);
  }

  #write(transfer: Transfer): void {
    this.#outbox.send(() => {
      // It may have been broken off meanwhile.
      if (this.#transfer === transfer) this.#writeNow(transfer);
    });
  }

  #writeNow(transfer: Transfer): void {
    const { body, limitMs } = transfer.request;
    this.#parser.begin();
    this.#limit(limitMs);
    try {
      const bytes = body === null ? 0 : Buffer.byteLength(body);
      const head = requestHead(transfer.request, this.#host, bytes);
      // A string of one encoding is handed to the system without a copy of ours. In ASCII both encodings are one.
      if (body === null || (bytes === body.length && bytes <= TOGETHER_BYTES)) this.#socket.write(body === null ? head : head + body, "latin1");
      else {
        this.#socket.cork();
        this.#socket.write(head, "latin1");
        this.#socket.write(body, "utf8");
        this.#socket.uncork();
      }
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #received(bytes: Buffer): void {
    // Whoever speaks unasked could answer the next request before it is made.
    if (this.#transfer === null) return this.#close();
    this.#limit(this.#transfer.request.limitMs);
    try {
      this.#parser.push(bytes);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #ended(): void {
    if (this.#transfer === null) return this.#close();
    try {
      this.#parser.close();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    const transfer = this.#transfer;
    transfer?.reader.onResponseStart(transfer, status, headers);
  }

  body(piece: Buffer): void {
    const transfer = this.#transfer;
    transfer?.reader.onResponseData(transfer, Buffer.from(piece));
  }

  end(reusable: boolean, keepMs: number | null): void {
    const transfer = this.#transfer;
    if (transfer === null) return;
    this.#transfer = null;
    this.#deadlineMs = Infinity;
    this.resume();
    // A server may answer before it was told everything.
    if (reusable && this.#socket.writableLength === 0) this.#owner.idle(this, keepMs);
    else this.#close();
    transfer.ended();
  }

  #close(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#parser.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#owner.gone(this);
  }

  /** From now on. One timer serves many requests: when it is over, it goes on for what is left. */
  #limit(limitMs: number): void {
    const nowMs = performance.now();
    this.#deadlineMs = limitMs === 0 ? Infinity : nowMs + limitMs;
    if (this.#deadlineMs < this.#timerMs) this.#setTimer(nowMs);
  }

  #setTimer(nowMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerMs = this.#deadlineMs;
    this.#timer = this.#deadlineMs === Infinity ? null : setTimeout(() => this.#timeIsUp(), Math.max(1, Math.ceil(this.#deadlineMs - nowMs)));
  }

  #timeIsUp(): void {
    this.#timerMs = Infinity;
    const nowMs = performance.now();
    // While it is paused it is not the server that is waited for.
    if (this.#isPaused) this.#limit(this.#transfer?.request.limitMs ?? 0);
    else if (nowMs < this.#deadlineMs) this.#setTimer(nowMs);
    else this.fail(new HttpFault("RESPONSE_TIMEOUT", "the server took too long to answer"));
  }
}

/** A request under way, and the one who reads its response. */
export class Transfer implements ResponseControl {
  readonly request: HttpRequest;
  readonly reader: ResponseReader;
  /** Null when it is over. */
  connection: Connection | null = null;

  constructor(request: HttpRequest, reader: ResponseReader) {
    this.request = request;
    this.reader = reader;
  }

  abort(error: Error): void {
    this.connection?.fail(error);
  }

  pause(): void {
    this.connection?.pause();
  }

  resume(): void {
    this.connection?.resume();
  }

  ended(): void {
    this.connection = null;
    try {
      this.reader.onResponseEnd(this);
    } catch (error) {
      this.reader.onResponseError(this, error as Error);
    }
  }

  failed(error: Error): void {
    this.connection = null;
    this.reader.onResponseError(this, error);
  }
}
