import { commandTarget } from "./command-target.ts";
import { bridgedTo } from "./bridge.ts";
import { urlTarget, type Target } from "./target.ts";

/** What a configuration says of a server, secrets and all: it stays inside this folder. */
export interface RawServer {
  readonly url?: string | undefined;
  readonly command?: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly transport: "stdio" | "streamable-http" | "sse" | "websocket" | "unknown";
  /** The program that carries messages to the URL, where the client itself only speaks to programs. */
  readonly bridge?: string;
  /** It is brought by an extension of the client, which knows how to start it. */
  readonly extension: boolean;
}

/** A server behind a bridge is the one that the bridge leads to. */
export function unbridged(server: RawServer): RawServer {
  const found = server.command === undefined ? undefined : bridgedTo(server.command, server.args);
  if (!found) return server;
  return { url: found.url, args: [], env: {}, headers: found.headers, transport: found.sse ? "sse" : "streamable-http", extension: false, bridge: found.bridge };
}

export function leadsTo(server: RawServer): Target {
  if (server.url !== undefined) return urlTarget(server.url);
  if (server.command !== undefined) return commandTarget(server.command, server.args);
  return { kind: "unknown", why: server.extension ? "started by an extension of the client" : "neither a URL nor a command" };
}

/** The same for two that lead to the same place, whatever version was asked for. Programs are told apart by all they are given. */
export function targetKey(target: Target, server: RawServer): string {
  switch (target.kind) {
    case "url":
      return `url ${target.url}`;
    case "package":
      return `${target.registry} ${target.name}`;
    case "program":
      return `program ${JSON.stringify([server.command, server.args])}`;
    case "unknown":
      return "";
  }
}
