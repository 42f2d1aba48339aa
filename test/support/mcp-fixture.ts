import { fileURLToPath } from "node:url";
import { serveFixtureHttp, type FixtureHttpServer } from "../fixtures/mcp-server/http.ts";
import { startChildServer, type ChildServer } from "./child-server.ts";

/** Serves the fixture from this process; port 0, the default, takes a free one. */
export function startFixture(options: { port?: number } = {}): Promise<FixtureHttpServer> {
  return serveFixtureHttp(options.port);
}

/** Serves the fixture from a process of its own, so that it can be killed, and does not share our event loop. */
export function startFixtureProcess(options: { port?: number } = {}): Promise<ChildServer> {
  const script = new URL("../fixtures/mcp-server/main.ts", import.meta.url);
  return startChildServer(script, ["--port", String(options.port ?? 0)]);
}

/** What to spawn for the same server over standard input and output. */
export const fixtureStdio = {
  command: process.execPath,
  args: [fileURLToPath(new URL("../fixtures/mcp-server/stdio.ts", import.meta.url))],
};

/** The same, of the newest revision alone. */
export const newFixtureStdio = { ...fixtureStdio, args: [...fixtureStdio.args, "new"] };
