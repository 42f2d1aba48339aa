/**
 * Loaded in front of the proxy's processes (`node --import`): writes a line for every request that a worker's HTTP server
 * took as one, to FUZZ_PROBE_DIR. It is what records are counted against: Node itself says what became a message.
 */
import cluster from "node:cluster";
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import { join } from "node:path";

const dir = process.env.FUZZ_PROBE_DIR;
if (dir !== undefined && cluster.isWorker) {
  const file = join(dir, `${process.pid}.ndjson`);
  let lines = "";
  const write = (): void => {
    if (lines !== "") appendFileSync(file, lines);
    lines = "";
  };
  setInterval(write, 100).unref();
  process.on("exit", write);
  const watched = new WeakSet<Server>();
  // The channel is told before the server answers some requests by itself; the event is what reaches the program.
  subscribe("http.server.request.start", (message) => {
    const { server } = message as { server: Server };
    if (watched.has(server)) return;
    watched.add(server);
    server.prependListener("request", ({ method, url, socket }: IncomingMessage) => {
      lines += `${JSON.stringify({ address: socket.remoteAddress, method, url })}\n`;
    });
  });
}
