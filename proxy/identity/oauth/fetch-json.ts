/** What an issuer is fetched with; the tests' and the program's are the same but for what they count. */
export interface FetchOptions {
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  /** Breaks off what is under way when the proxy stops. */
  readonly stopped: AbortSignal;
}

/** Of keys, metadata and introspection answers; each is a few kilobytes in the field. */
const MAX_BYTES = 256 * 1024;

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * One JSON object from an authorization server, within a time and a size. Redirects are not followed: what was configured
 * is what is trusted. Throws; no message holds anything that was sent or received.
 */
export async function fetchJson(url: string, init: RequestInit, { fetch, timeoutMs, stopped }: FetchOptions): Promise<JsonObject> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(timeoutMs)]);
  const response = await fetch(url, { ...init, redirect: "error", signal, headers: { accept: "application/json", ...init.headers } });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answered with status ${response.status}`);
  }
  const value: unknown = parse(url, await textOf(url, response));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${url} did not answer with a JSON object`);
  return value as JsonObject;
}

async function textOf(url: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`${url} answered with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${url} did not answer with JSON`);
  }
}
