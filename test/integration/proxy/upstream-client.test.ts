import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTls, getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { HttpClient, type HttpClientOptions } from "../../../proxy/upstream/http/client.ts";
import { Outbox } from "../../../proxy/upstream/http/outbox.ts";
import type { HttpRequest } from "../../../proxy/upstream/http/response.ts";
import { createAuthority } from "../../support/certificates.ts";
import { readWhole, WholeReader } from "../../support/http-response.ts";
import { waitFor } from "../../support/wait.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Peer {
  readonly port: number;
  /** Every connection that was made, in order. */
  readonly sockets: Socket[];
  /** What came in over each of them. */
  readonly heard: string[];
}

type Behaviour = (said: string, socket: Socket, connection: number) => void;

/** A server of bare sockets: told of everything that a connection has said so far. */
async function peer(behaviour: Behaviour, make: (listener: (socket: Socket) => void) => Server = (listener) => createServer(listener)): Promise<Peer> {
  const sockets: Socket[] = [];
  const heard: string[] = [];
  const server = make((socket) => {
    const at = sockets.push(socket) - 1;
    heard[at] = "";
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => behaviour((heard[at] += chunk.toString("latin1")), socket, at));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets, heard };
}

function clientOf(origin: string, options: Partial<HttpClientOptions> = {}): HttpClient {
  const client = new HttpClient(origin, { connectMs: 5000, keepAliveMs: 600_000, outbox: new Outbox(), ...options });
  ends.push(() => client.destroy());
  return client;
}

const answer = (text: string, more = ""): string => `HTTP/1.1 200 OK\r\n${more}Content-Length: ${text.length}\r\n\r\n${text}`;
/** Answers every request without a body with its number on the connection. */
const counts: Behaviour = (said, socket) => void (said.endsWith("\r\n\r\n") && socket.write(answer(String(said.split("\r\n\r\n").length - 1))));
const get: Partial<HttpRequest> = { method: "GET" };
const bare: HttpRequest = { method: "GET", path: "/", headers: {}, body: null, limitMs: 0 };
const text = async (response: Promise<{ body: Buffer }>): Promise<string> => (await response).body.toString();

test("a request arrives as it was given, in ASCII and beyond, small and large", async () => {
  const seen: { method?: string | undefined; url?: string | undefined; host?: string | undefined; length?: string | undefined; x?: unknown; body: string }[] = [];
  const server = createHttp((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, url, headers } = request;
      seen.push({ method, url, host: headers.host, length: headers["content-length"], x: headers.x, body: Buffer.concat(chunks).toString() });
      response.end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.closeAllConnections(), () => server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = clientOf(`http://${host}`);
  const bodies = ["{}", "grüße 🚦", "x".repeat(1_000_000), "ü".repeat(500_000)];
  for (const body of bodies) expect(await text(readWhole(client, { path: "/mcp?a=b", headers: { x: "\xe9 y" }, body }))).toBe("ok");
  expect(seen).toEqual(bodies.map((body) => ({ method: "POST", url: "/mcp?a=b", host, length: String(Buffer.byteLength(body)), x: "\xe9 y", body })));
  await readWhole(client, { method: "DELETE" });
  expect(seen.at(-1)).toEqual({ method: "DELETE", url: "/", host, body: "" });
});

test("a connection serves one request after the other, and requests at the same time have one each", async () => {
  const { port, sockets } = await peer(counts);
  const client = clientOf(`http://127.0.0.1:${port}`);
  expect([await text(readWhole(client, get)), await text(readWhole(client, get))]).toEqual(["1", "2"]);
  expect(sockets).toHaveLength(1);
  expect(await Promise.all([1, 2, 3].map(() => text(readWhole(client, get))))).toEqual(["3", "1", "1"]);
  expect(sockets).toHaveLength(3);
});

const whole = (text: string) => (said: string, socket: Socket) => void (said.endsWith("\r\n\r\n") && socket.write(text));
test.each([
  ["says so", whole(answer("x", "Connection: close\r\n"))],
  ["closes it in less time than a request may take", whole(answer("x", "Keep-Alive: timeout=1\r\n"))],
  ["says more than its answer", whole(`${answer("x")}HTTP/1.1 200 OK\r\n`)],
])("a connection is given up at once when the server %s", async (_what, behaviour) => {
  const { port, sockets } = await peer(behaviour);
  const client = clientOf(`http://127.0.0.1:${port}`);
  expect(await text(readWhole(client, get))).toBe("x");
  expect(await text(readWhole(client, get))).toBe("x");
  expect(sockets).toHaveLength(2);
  await waitFor("the connections to be closed", () => sockets.every((socket) => socket.destroyed || socket.readableEnded));
});

test("a connection that the server closes is not used again", async () => {
  const { port, sockets } = await peer((said, socket) => void (said.endsWith("\r\n\r\n") && socket.end(answer("x"))));
  const client = clientOf(`http://127.0.0.1:${port}`);
  expect(await text(readWhole(client, get))).toBe("x");
  await waitFor("the connection to be closed", () => sockets[0]!.destroyed || sockets[0]!.readableEnded);
  expect(await text(readWhole(client, get))).toBe("x");
});

test("what a server says unasked ends its connection, and answers nothing", async () => {
  const { port, sockets } = await peer(counts);
  const client = clientOf(`http://127.0.0.1:${port}`);
  expect(await text(readWhole(client, get))).toBe("1");
  sockets[0]!.write(answer("forged"));
  await waitFor("the connection to be closed", () => sockets[0]!.destroyed || sockets[0]!.readableEnded);
  expect(await text(readWhole(client, get))).toBe("1");
});

test("an idle connection is closed in time, and not used beyond it", async () => {
  const { port, sockets } = await peer(counts);
  const client = clientOf(`http://127.0.0.1:${port}`, { keepAliveMs: 50 });
  await readWhole(client, get);
  const atMs = performance.now();
  await waitFor("its time to be over", () => performance.now() - atMs > 100);
  expect(await text(readWhole(client, get))).toBe("1");
  await waitFor("the connections to be closed", () => sockets.length === 2 && sockets.every((socket) => socket.readableEnded || socket.destroyed));
});

test.each<[what: string, code: string, behaviour: Behaviour]>([
  ["does not answer", "RESPONSE_TIMEOUT", () => {}],
  ["stops in the middle of its answer", "RESPONSE_TIMEOUT", (_said, socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")],
  ["closes before its answer", "CONNECTION_CLOSED", (_said, socket) => void socket.end()],
  ["closes in the middle of its answer", "CONNECTION_CLOSED", (_said, socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")],
  ["resets the connection", "ECONNRESET", (_said, socket) => void socket.resetAndDestroy()],
  ["answers something else than HTTP", "INVALID_RESPONSE", (_said, socket) => void socket.write("220 mail.example.org ESMTP\r\n\r\n")],
])("a server that %s: the reader is told %s", async (_what, code, behaviour) => {
  const { port, sockets } = await peer(behaviour);
  const client = clientOf(`http://127.0.0.1:${port}`);
  await expect(readWhole(client, { ...get, limitMs: 200 })).rejects.toMatchObject({ code });
  await waitFor("the connection to be closed", () => sockets[0]!.destroyed || sockets[0]!.readableEnded);
});

test("every piece gives the server its whole time anew, and what limits one request does not limit the next", async () => {
  const { port, sockets } = await peer((said, socket) => {
    const isFirst = said.split("\r\n\r\n").length === 2;
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    let pieces = 0;
    const timer = setInterval(
      () => {
        socket.write("x");
        if (++pieces === 6) clearInterval(timer);
      },
      isFirst ? 50 : 150,
    );
  });
  const client = clientOf(`http://127.0.0.1:${port}`);
  // In all it takes longer than its limit.
  expect(await text(readWhole(client, { ...get, limitMs: 200 }))).toBe("xxxxxx");
  expect(await text(readWhole(client, { ...get, limitMs: 0 }))).toBe("xxxxxx");
  expect(sockets).toHaveLength(1);
});

test("a server that nobody can reach, and one that does not take the connection", async () => {
  const { port } = await peer(() => {});
  const refused = clientOf("http://127.0.0.1:1");
  await expect(readWhole(refused, get)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  // It takes the connection, and never says a word of TLS.
  const silent = clientOf(`https://127.0.0.1:${port}`, { connectMs: 100 });
  await expect(readWhole(silent, get)).rejects.toMatchObject({ code: "CONNECT_TIMEOUT" });
});

test("a reader that has had enough: the connection ends, the reader is told once, and hears nothing more", async () => {
  const { port, sockets } = await peer((_said, socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npiece"));
  const client = clientOf(`http://127.0.0.1:${port}`);
  const had = new Error("enough");
  const aborting = new WholeReader((control) => control.abort(had));
  client.send(bare, aborting);
  await expect(aborting.response).rejects.toBe(had);
  const throwing = new WholeReader(() => {
    throw had;
  });
  client.send(bare, throwing);
  await expect(throwing.response).rejects.toBe(had);
  await waitFor("the connections to be closed", () => sockets.length === 2 && sockets.every((socket) => socket.readableEnded || socket.destroyed));
  aborting.control?.abort(new Error("twice"));
  expect([aborting.received, throwing.received]).toEqual([5, 5]);
});

test("a request that is given up before it is sent never leaves, with a connection and without", async () => {
  const { port, heard } = await peer(counts);
  const client = clientOf(`http://127.0.0.1:${port}`);
  const giveUp = async (): Promise<void> => {
    const reader = new WholeReader();
    // The first of a turn leaves at once where there was no load; the second waits for the turn to end.
    const first = readWhole(client, get);
    client.send({ ...bare, path: "/secret" }, reader);
    reader.control!.abort(new Error("not this one"));
    await expect(reader.response).rejects.toThrow("not this one");
    await first;
  };
  await giveUp();
  await Promise.all([readWhole(client, get), readWhole(client, get)]);
  await giveUp();
  expect(heard.join("")).not.toContain("secret");
});

test.each([
  ["a header's value that would begin another", { headers: { x: "a\r\nauthorization: b" } }],
  ["a header's name that would", { headers: { "x: y\r\nz": "a" } }],
  ["a path that would begin another request", { path: "/ HTTP/1.1\r\nx: y" }],
  ["a character that no header can carry", { headers: { x: "\u2028" } }],
])("%s is not sent", async (_what, request) => {
  const { port, heard } = await peer(counts);
  const client = clientOf(`http://127.0.0.1:${port}`);
  await expect(readWhole(client, { ...get, ...request })).rejects.toMatchObject({ code: "INVALID_REQUEST" });
  expect(await text(readWhole(client, get))).toBe("1");
  expect(heard.filter((said) => said !== "")).toHaveLength(1);
});

test("a reader that pauses is not sent much more, the server's time stands still, and nothing is lost", async () => {
  const size = 32 * 1024 * 1024;
  let sent = 0;
  const { port } = await peer((_said, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    const go = (): void => {
      while (sent < size) {
        sent += 65_536;
        if (!socket.write(Buffer.alloc(65_536, 120))) return void socket.once("drain", go);
      }
    };
    go();
  });
  const client = clientOf(`http://127.0.0.1:${port}`);
  let paused = false;
  const reader = new WholeReader((control) => {
    if (paused) return;
    paused = true;
    control.pause();
  });
  client.send({ ...bare, limitMs: 100 }, reader);
  let last = { sent: 0, atMs: 0 };
  const heldUp = (now: number): boolean => {
    if (now !== last.sent) last = { sent: now, atMs: performance.now() };
    return performance.now() - last.atMs > 300;
  };
  await waitFor("the server to be held up for longer than its limit", () => paused && sent > 0 && heldUp(sent));
  expect(reader.received).toBeLessThanOrEqual(2 * 65_536);
  expect(sent).toBeLessThan(size);
  reader.control!.resume();
  expect((await reader.response).body.length).toBe(size);
});

test("an answer that comes before the request was taken: it is read, and the connection is given up", async () => {
  const { port, sockets } = await peer((said, socket) => {
    if (said.length > 70_000) return;
    socket.pause();
    socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  });
  const client = clientOf(`http://127.0.0.1:${port}`);
  expect((await readWhole(client, { body: "x".repeat(32 * 1024 * 1024) })).status).toBe(413);
  sockets[0]!.resume();
  await waitFor("the connection to be closed", () => sockets[0]!.readableEnded || sockets[0]!.destroyed);
});

test("over TLS and over a socket in the file system", async () => {
  const authority = createAuthority("upstreams");
  const { cert, key } = authority.issue({ commonName: "upstream", ips: ["127.0.0.1"], dns: ["localhost"] });
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, authority.cert]);
  ends.push(() => setDefaultCACertificates(before));
  const reused: boolean[] = [];
  const { port, sockets } = await peer(
    (said, socket) => {
      if (said.endsWith("\r\n\r\n")) socket.end(answer("x".repeat(200_000), "Connection: close\r\n"));
    },
    (listener) => createTls({ cert, key }, (socket: TLSSocket) => (reused.push(socket.isSessionReused()), listener(socket))),
  );
  for (const name of ["127.0.0.1", "localhost"]) {
    const client = clientOf(`https://${name}:${port}`);
    expect((await readWhole(client, get)).body.length).toBe(200_000);
    expect((await readWhole(client, get)).body.length).toBe(200_000);
  }
  expect(sockets).toHaveLength(4);
  expect(reused).toEqual([false, true, false, true]);
  // Whoever it is, it is not the one that was asked for.
  setDefaultCACertificates(before);
  await expect(readWhole(clientOf(`https://127.0.0.1:${port}`), get)).rejects.toMatchObject({ code: expect.stringMatching(/CERT|SIGNATURE/) });

  const dir = mkdtempSync(join(tmpdir(), "signalbox-client-"));
  ends.push(() => rmSync(dir, { recursive: true }));
  const socketPath = join(dir, "host.sock");
  const host = createServer((socket) => socket.on("data", () => socket.write(answer("here"))));
  await new Promise<void>((resolve) => host.listen(socketPath, resolve));
  ends.push(() => host.close());
  expect(await text(readWhole(clientOf("http://host", { socketPath }), get))).toBe("here");
});

test("a client that is closed lets what is under way end, and takes no more; one that is destroyed breaks it off", async () => {
  const { port, sockets } = await peer((said, socket) => void (said.includes("GET") && setTimeout(() => socket.write(answer("x")), 50)));
  const client = clientOf(`http://127.0.0.1:${port}`);
  const under = readWhole(client, get);
  await waitFor("the request to be there", () => sockets.length === 1);
  client.close();
  expect(client.closed).toBe(true);
  await expect(readWhole(client, get)).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
  expect(await text(under)).toBe("x");
  await waitFor("the connection to be closed", () => sockets[0]!.readableEnded || sockets[0]!.destroyed);
  const other = clientOf(`http://127.0.0.1:${port}`);
  const cut = readWhole(other, get);
  await waitFor("the request to be there", () => sockets.length === 2);
  other.destroy();
  await expect(cut).rejects.toMatchObject({ code: "CONNECTION_CLOSED" });
});

test("a reader that sends the next request when the one before ends has the same connection", async () => {
  const { port, sockets } = await peer(counts);
  const client = clientOf(`http://127.0.0.1:${port}`);
  const second = Promise.withResolvers<string>();
  const reader = new WholeReader();
  const end = reader.onResponseEnd.bind(reader);
  reader.onResponseEnd = () => {
    end();
    text(readWhole(client, get)).then(second.resolve, second.reject);
  };
  client.send(bare, reader);
  expect(await second.promise).toBe("2");
  expect(sockets).toHaveLength(1);
});
