import { Client as ModernClient } from "@modelcontextprotocol/client";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CreateMessageRequestSchema, LoggingMessageNotificationSchema, ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { waitFor } from "../support/wait.ts";

export type AnyClient = Client | ModernClient;

/** What to call a server's tools by. */
export interface Tools {
  readonly plain: readonly [string, Record<string, unknown>];
  readonly progress: string;
  readonly logs: string;
  readonly asks: readonly [string, Record<string, unknown>];
  readonly changes: string;
  readonly denied: string;
}

const words = "the model's words";
const answer = { model: "m", role: "assistant", content: { type: "text", text: words } } as const;
const isModern = (client: AnyClient): client is ModernClient => client instanceof ModernClient;

/** Makes the client answer what a server may ask it. */
export function answering(client: AnyClient): void {
  if (isModern(client)) client.setRequestHandler("sampling/createMessage", () => answer);
  else client.setRequestHandler(CreateMessageRequestSchema, () => answer);
}

/** What every pair of a client and a server is tried with. */
export const checks: Readonly<Record<string, (client: AnyClient, tools: Tools) => Promise<boolean>>> = {
  list: async (client, { plain }) => (await client.listTools()).tools.some((tool) => tool.name === plain[0]),
  call: async (client, { plain }) => JSON.stringify(await call(client, ...plain)).includes("text"),
  progress: async (client, { progress }) => {
    const seen: number[] = [];
    await call(client, progress, {}, (p) => seen.push(p));
    // What arrives in one piece with the answer the v1 client drops, over any transport.
    return seen.length >= 2 && seen[0]! < seen[1]!;
  },
  logging: async (client, { logs }) => {
    let heard = 0;
    if (isModern(client)) {
      client.setNotificationHandler("notifications/message", () => void heard++);
      await client.callTool({ name: logs, arguments: {}, _meta: { "io.modelcontextprotocol/logLevel": "info" } });
    } else {
      client.setNotificationHandler(LoggingMessageNotificationSchema, () => void heard++);
      await client.setLoggingLevel("info");
      await client.callTool({ name: logs, arguments: {} });
    }
    return waitFor("log messages", () => heard > 0, { timeoutMs: 5000 });
  },
  question: async (client, { asks }) => JSON.stringify(await call(client, ...asks)).includes(words),
  changes: async (client, { changes }) => {
    let heard = 0;
    if (isModern(client)) {
      client.setNotificationHandler("notifications/tools/list_changed", () => void heard++);
      await client.listen({ toolsListChanged: true });
    } else client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard++);
    // The stream that it is heard on may still be opening.
    const announced = async (): Promise<boolean> => {
      await call(client, changes, {});
      return heard > 0;
    };
    return waitFor("the tools to change", announced, { timeoutMs: 5000 });
  },
  cancellation: async (client, { progress }) => {
    const abort = new AbortController();
    const cancelled = call(client, progress, {}, () => abort.abort(), abort.signal).then(() => false, () => true);
    return (await cancelled) && (await client.listTools()).tools.length > 0;
  },
  denial: async (client, { denied }) => JSON.stringify(await call(client, denied, {})).includes("Denied by policy"),
};

function call(client: AnyClient, name: string, args: Record<string, unknown>, onProgress?: (progress: number) => void, signal?: AbortSignal): Promise<unknown> {
  const more = { ...(onProgress ? { onprogress: (p: { progress: number }) => onProgress(p.progress) } : {}), ...(signal ? { signal } : {}) };
  return isModern(client) ? client.callTool({ name, arguments: args }, more) : client.callTool({ name, arguments: args }, undefined, more);
}
