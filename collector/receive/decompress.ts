import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { Refusal } from "./refusal.ts";

const gunzipAsync = promisify(gunzip);

/** The body as it was before `content-encoding`. Expanding stops at the limit, whatever the body claims to hold. */
export async function decompress(body: Buffer, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  const coding = (encoding ?? "identity").trim().toLowerCase();
  if (coding === "identity" || coding === "") {
    if (body.length > maxBytes) throw tooLarge(maxBytes);
    return body;
  }
  if (coding !== "gzip") throw new Refusal(415, `content-encoding must be gzip or identity, not ${JSON.stringify(coding.slice(0, 40))}`);
  try {
    return await gunzipAsync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
    throw new Refusal(400, "the body is not whole, valid gzip");
  }
}

const tooLarge = (maxBytes: number): Refusal => new Refusal(413, `the decompressed body exceeds ${maxBytes} bytes`);
