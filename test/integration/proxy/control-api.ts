import { Client } from "undici";
import { httpServer } from "../../support/proxy-app.ts";
import { startStack, type Stack, type StackOptions } from "../../support/stack.ts";

/** A proxy of two workers, an agent and an operator; nothing listens where the records would go. */
export function startControlStack(more: Partial<StackOptions> = {}): Promise<Stack> {
  return startStack({
    roles: ["proxy"],
    servers: [httpServer("http://127.0.0.1:9/mcp") as Record<string, unknown>],
    rules: [{ id: "all", effect: "allow", match: { agents: ["*"] } }],
    agents: ["build", "ops"],
    keyRoles: { ops: ["operator"] },
    ...more,
    config: { collector: { url: "http://127.0.0.1:9" }, store: { url: "http://127.0.0.1:9" }, ...more.config, proxy: { workers: 2, ...more.config?.proxy } },
  });
}

export interface Answer {
  readonly status: number;
  readonly body: Record<string, any>;
}

/** One connection, which stays with the worker that took it. */
export interface Connection {
  /** The worker's producer id. */
  readonly worker: string;
  ask(method: "GET" | "POST" | "DELETE", path: string, credential: string, body?: object): Promise<Answer>;
  close(): Promise<void>;
}

/** A connection to each of the workers. */
export async function connectToEach(stack: Stack, workers: number): Promise<Connection[]> {
  const found = new Map<string, Connection>();
  for (let attempt = 0; found.size < workers && attempt < 50; attempt++) {
    const connection = await connect(stack);
    if (found.has(connection.worker)) await connection.close();
    else found.set(connection.worker, connection);
  }
  return [...found.values()];
}

async function connect(stack: Stack): Promise<Connection> {
  // A connection that was on its way to a worker that is killed is answered by nobody.
  const client = new Client(stack.proxyUrl, { keepAliveTimeout: 60_000, keepAliveMaxTimeout: 60_000, headersTimeout: 2000 });
  const send = async (method: "GET" | "POST" | "DELETE", path: string, credential: string, body?: object): Promise<Answer> => {
    const headers = { authorization: `Bearer ${credential}`, ...(body ? { "content-type": "application/json" } : {}) };
    const answer = await client.request({ method, path, headers, body: body ? JSON.stringify(body) : null });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: text === "" ? {} : (JSON.parse(text) as Record<string, any>) };
  };
  // A refusal names its record, or the one that it repeats, and the record its worker's spool.
  const refused = await send("POST", "/mcp/none", stack.keys.get("build") ?? "", {});
  const worker = /^(.*)-\d+$/.exec(String(refused.body.error?.data?.callId ?? refused.body.error?.data?.repeats))?.[1];
  if (worker === undefined) throw new Error(`a refusal names no record: ${JSON.stringify(refused)}`);
  return { worker, ask: send, close: () => client.close() };
}
