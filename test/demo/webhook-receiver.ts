import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

export interface ReceivedAlert {
  readonly id: string;
  readonly type: string;
  readonly title: string;
  readonly detector: string;
}

/** What an SRE's tool would be: takes webhooks, keeps those whose signature is right, refuses the rest. */
export async function startWebhookReceiver(secret: string): Promise<{
  readonly url: string;
  readonly received: readonly ReceivedAlert[];
  readonly refused: () => number;
  stop(): Promise<void>;
}> {
  const verifier = new Webhook(secret);
  const received: ReceivedAlert[] = [];
  let refused = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
      try {
        verifier.verify(body, headers);
        const { type, data } = JSON.parse(body) as { type: string; data: { alerts: { title: string; ruleId: string }[] } };
        const id = headers["webhook-id"] ?? "";
        const seen = received.some((r) => r.id === id);
        for (const alert of seen ? [] : data.alerts) received.push({ id, type, title: alert.title, detector: alert.ruleId });
        response.writeHead(204).end();
      } catch {
        refused += 1;
        response.writeHead(401).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`,
    received,
    refused: () => refused,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
