import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface OtlpSink {
  readonly url: string;
  stop(): Promise<void>;
}

/** A collector that takes everything and keeps nothing. */
export async function startOtlpSink(): Promise<OtlpSink> {
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(200, { "content-type": request.headers["content-type"] ?? "application/json" }).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
