import type { IncomingHttpHeaders } from "node:http";
import type { HttpClient } from "../../proxy/upstream/http/client.ts";
import type { HttpRequest, ResponseControl, ResponseReader } from "../../proxy/upstream/http/response.ts";

export interface WholeResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Reads a response whole. Rejects with what the reader was told instead of its end. */
export class WholeReader implements ResponseReader {
  readonly response: Promise<WholeResponse>;
  /** Told of each piece as it comes. */
  readonly #piece: (control: ResponseControl, chunk: Buffer) => void;
  readonly #done = Promise.withResolvers<WholeResponse>();
  readonly #chunks: Buffer[] = [];
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  control: ResponseControl | null = null;

  constructor(piece: (control: ResponseControl, chunk: Buffer) => void = () => {}) {
    this.#piece = piece;
    this.response = this.#done.promise;
  }

  get received(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  onRequestStart(control: ResponseControl): void {
    this.control = control;
  }

  onResponseStart(_control: ResponseControl, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(control: ResponseControl, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#piece(control, chunk);
  }

  onResponseEnd(): void {
    this.#done.resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) });
  }

  onResponseError(_control: ResponseControl, error: Error): void {
    this.#done.reject(error);
  }
}

export function readWhole(client: HttpClient, request: Partial<HttpRequest>): Promise<WholeResponse> {
  const reader = new WholeReader();
  client.send({ method: "POST", path: "/", headers: {}, body: null, limitMs: 10_000, ...request }, reader);
  return reader.response;
}
