import type { IncomingHttpHeaders } from "node:http";

/** A request for one origin. */
export interface HttpRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Lower-case names; `host`, `connection` and the length are added. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** How long the server may take until its headers, and then between two pieces of its body; 0: as long as it likes. */
  readonly limitMs: number;
}

/** What the reader of a response may do about it, at any time. After its end nothing of it has an effect. */
export interface ResponseControl {
  /** Breaks the connection off. The reader hears of it by `onResponseError`, at once. */
  abort(error: Error): void;
  /** Pieces that the connection has received already come all the same: at most 64 KB of them. */
  pause(): void;
  resume(): void;
}

/** The reader of a response. What one of these throws breaks the connection off with that error. */
export interface ResponseReader {
  /** Before anything else, and before anything is sent. */
  onRequestStart(control: ResponseControl): void;
  onResponseStart(control: ResponseControl, status: number, headers: IncomingHttpHeaders): void;
  onResponseData(control: ResponseControl, chunk: Buffer): void;
  onResponseEnd(control: ResponseControl): void;
  /** An HttpFault, the error of a socket, or what was thrown or passed to `abort`. */
  onResponseError(control: ResponseControl, error: Error): void;
}

export type HttpFaultCode = "CONNECT_TIMEOUT" | "RESPONSE_TIMEOUT" | "CONNECTION_CLOSED" | "INVALID_RESPONSE" | "INVALID_REQUEST";

/** Why there is no response, where the system has no error of its own for it. */
export class HttpFault extends Error {
  readonly code: HttpFaultCode;

  constructor(code: HttpFaultCode, message: string) {
    super(message);
    this.name = "HttpFault";
    this.code = code;
  }
}
