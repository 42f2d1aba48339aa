import { isFieldName, isFieldValue } from "./field.ts";
import { HttpFault, type HttpRequest } from "./response.ts";

const NO_TARGET = /[^\x21-\x7e]/;

/** Request line and headers. Throws HttpFault for what would not arrive as what it is. */
export function requestHead(request: HttpRequest, host: string, bodyBytes: number): string {
  const { method, path, headers } = request;
  if (NO_TARGET.test(path)) throw invalid("the path");
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  for (const name in headers) {
    const value = headers[name]!;
    if (!isFieldName(name)) throw invalid("the name of a header");
    if (!isFieldValue(value)) throw invalid(`the header ${name}`);
    head += `${name}: ${value}\r\n`;
  }
  return request.body === null ? `${head}\r\n` : `${head}content-length: ${bodyBytes}\r\n\r\n`;
}

const invalid = (what: string): HttpFault => new HttpFault("INVALID_REQUEST", `${what} has characters that HTTP does not allow there`);
