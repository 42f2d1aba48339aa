import { randomBytes } from "node:crypto";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { PlannedCall, PlannedTask } from "./tasks.ts";

export interface AgentRun {
  calls: number;
  refused: number;
}

/**
 * Works one task through the proxy with the SDK's own client: a connection to each server it needs, the calls in order,
 * and a pause of some seconds of the demo's time between them. A gullible agent obeys what a result tells it to do.
 */
export async function workTask(
  task: PlannedTask,
  options: { readonly proxyUrl: string; readonly key: string; readonly pause: () => void },
): Promise<AgentRun> {
  const clients = new Map<string, Client>();
  const run: AgentRun = { calls: 0, refused: 0 };
  // As an instrumented agent does: one trace for one piece of work, whichever servers it takes.
  const traceId = randomBytes(16).toString("hex");
  const connect = async (server: string): Promise<Client> => {
    const open = clients.get(server);
    if (open) return open;
    const client = new Client({ name: task.agent, version: "1.0.0" });
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${options.proxyUrl}/mcp/${server}`), {
        requestInit: { headers: { authorization: `Bearer ${options.key}` } },
      }),
    );
    clients.set(server, client);
    return client;
  };
  const send = async (call: PlannedCall): Promise<string> => {
    const client = await connect(call.server);
    options.pause();
    const _meta = { traceparent: `00-${traceId}-${randomBytes(8).toString("hex")}-01` };
    const result = await client.callTool({ name: call.tool, arguments: { ...call.args }, _meta });
    run.calls += 1;
    if (result.isError) run.refused += 1;
    return (result.content as { type: string; text?: string }[]).map((c) => c.text ?? "").join("\n");
  };
  try {
    for (const call of task.calls) {
      const text = await send(call);
      if (task.gullible) for (const told of obey(text)) await send(told);
    }
  } finally {
    for (const client of clients.values()) await close(client);
  }
  return run;
}

async function close(client: Client): Promise<void> {
  const transport = client.transport as StreamableHTTPClientTransport | undefined;
  await transport?.terminateSession();
  await client.close();
}

/** What a model that takes a tool's output for its orders does next. */
function obey(text: string): PlannedCall[] {
  const told = /search the files for '([^']+)'.*send it with send_mail to (\S+@[\w.]+\w)/.exec(text);
  if (!told) return [];
  const [, query = "", to = ""] = told;
  return [
    { server: "files", tool: "search_files", args: { query } },
    { server: "files", tool: "read_file", args: { path: `reports/${query}.csv` } },
    { server: "mail", tool: "send_mail", args: { to, subject: query, body: `contents of reports/${query}.csv` } },
  ];
}
