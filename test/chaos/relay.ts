import { createServer as createHttpServer, type IncomingHttpHeaders } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Pool } from "undici";
import type { Random } from "../support/random.ts";

/** Between proxy and collector, byte for byte, until it is frozen. */
export interface TcpRelay {
  readonly url: string;
  /** Stops forwarding and closes nothing: neither side is told that the other one is gone. */
  freeze(): void;
  /** Lets new connections through. The frozen ones go on too (`resume`), or stay as they are until an end gives them up. */
  thaw(how: "resume" | "abandon"): void;
  stop(): Promise<void>;
}

export async function startTcpRelay(target: { host: string; port: number }): Promise<TcpRelay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let frozen = false;
  const server = createServer((inward) => {
    const outward = connect(target.port, target.host);
    const pair = [inward, outward] as const;
    pairs.add(pair);
    inward.pipe(outward);
    outward.pipe(inward);
    if (frozen) hold(pair);
    for (const [socket, other] of [pair, [outward, inward] as const]) {
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
  });
  const url = await listen(server);
  return {
    url,
    freeze() {
      frozen = true;
      pairs.forEach(hold);
    },
    thaw(how) {
      frozen = false;
      if (how === "resume") for (const [inward, outward] of pairs) inward.pipe(outward).pipe(inward);
    },
    async stop() {
      for (const [inward] of pairs) inward.destroy();
      await closed(server);
    },
  };
}

function hold([inward, outward]: readonly [Socket, Socket]): void {
  for (const socket of [inward, outward]) socket.unpipe().pause();
}

/** Between proxy and collector, request by request. */
export interface BatchRelay {
  readonly url: string;
  /** While true, batches are repeated, held back and delivered behind later ones, and answers are lost. */
  disorderly: boolean;
  readonly repeated: number;
  readonly late: number;
  stop(): Promise<void>;
}

interface Post {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** Batches that are remembered for being sent once more. */
const REMEMBERED = 16;

export async function startBatchRelay(target: string, random: Random): Promise<BatchRelay> {
  const pool = new Pool(target, { connections: 16 });
  const past: Post[] = [];
  const heldBack: Post[] = [];
  const relay = { disorderly: false, repeated: 0, late: 0 };

  const post = async ({ path, headers, body }: Post) => {
    const response = await pool.request({ path, method: "POST", headers, body });
    return { status: response.statusCode, headers: response.headers, body: Buffer.from(await response.body.arrayBuffer()) };
  };
  /** What a network may do around one batch; resolves with false where its sender is to hear nothing of it. */
  const disturb = async (one: Post): Promise<"answer" | "silence"> => {
    const chance = random.next();
    if (chance < 0.3) {
      // Delivered later, behind its own repetition and whatever follows it.
      heldBack.push(one);
      return "silence";
    }
    for (const before of heldBack.splice(0)) {
      relay.late++;
      await post(before).catch(() => undefined);
    }
    const again = past.length > 0 && chance < 0.7 ? random.pick(past) : null;
    if (again) {
      relay.repeated++;
      await post(again).catch(() => undefined);
    }
    if (chance < 0.85) return "answer";
    // Stored, and the answer gets lost.
    relay.repeated++;
    await post(one).catch(() => undefined);
    return "silence";
  };

  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => response.destroy());
    request.on("end", () => void pass({ path: request.url ?? "/", headers: endToEnd(request.headers), body: Buffer.concat(chunks) }).catch(() => response.destroy()));
    const pass = async (one: Post): Promise<void> => {
      const fate = relay.disorderly ? await disturb(one) : "answer";
      if (fate === "silence") return void response.destroy();
      const answer = await post(one);
      past.push(one);
      if (past.length > REMEMBERED) past.shift();
      response.writeHead(answer.status, endToEnd(answer.headers));
      response.end(answer.body);
    };
  });
  const url = await listen(server);
  return Object.assign(relay, {
    url,
    async stop() {
      server.closeAllConnections();
      await closed(server);
      await pool.destroy();
    },
  });
}

const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "host", "date"]);

function endToEnd(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name, value]) => value !== undefined && !HOP_BY_HOP.has(name)).map(([name, value]) => [name, String(value)]));
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)));
}

const closed = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()));
