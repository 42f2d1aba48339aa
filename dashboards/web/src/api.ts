/** Failures carry what the server said, in its words. */
export class ApiError extends Error {
  readonly status: number;
  readonly remedy: string;
  constructor(status: number, message: string, remedy = "") {
    super(message);
    this.status = status;
    this.remedy = remedy;
  }
}

export async function get<T>(path: string, query: Record<string, string | number | undefined> = {}, signal?: AbortSignal): Promise<T> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== "") search.set(key, String(value));
  const url = search.size > 0 ? `${path}?${search}` : path;
  return read<T>(await send(url, signal ? { signal } : {}));
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  return read<T>(await send(path, { method: "POST", headers: { "content-type": "application/json", "x-signalbox-console": "1" }, body: JSON.stringify(body) }));
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(0, "the backend does not answer", "is `signalbox backend` running?");
  }
}

async function read<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  throw await failure(response);
}

export async function failure(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as { error?: string; remedy?: string };
  return new ApiError(response.status, body.error ?? `the backend answered ${response.status}`, body.remedy);
}

export type SqlEvent =
  | { event: "start"; queryId: string }
  | { event: "columns"; names: string[]; types: string[] }
  | { event: "rows"; rows: unknown[][] }
  | { event: "end"; rows: number; bytes: number; elapsedMs: number; truncated: "" | "rows" | "bytes" }
  | { event: "error"; message: string; position: number | null };

/** Runs SQL and hands over each event as its line arrives. */
export async function runSql(sql: string, params: Record<string, string | number>, signal: AbortSignal, on: (event: SqlEvent) => void): Promise<void> {
  const response = await send("/api/sql/run", { method: "POST", signal, headers: { "content-type": "application/json", "x-signalbox-console": "1" }, body: JSON.stringify({ sql, params }) });
  if (!response.ok) throw await failure(response);
  let rest = "";
  for await (const chunk of chunks(response.body!.pipeThrough(new TextDecoderStream()))) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) on(JSON.parse(line) as SqlEvent);
  }
}

async function* chunks(stream: ReadableStream<string>): AsyncGenerator<string> {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}
