import { connect, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Connection, Transfer, type ConnectionOwner } from "./connection.ts";
import type { Outbox } from "./outbox.ts";
import { HttpFault, type HttpRequest, type ResponseReader } from "./response.ts";

export interface HttpClientOptions {
  /** Where the origin is reached, if not by its name. */
  readonly socketPath?: string | undefined;
  readonly connectMs: number;
  /** How long an idle connection is kept, where the server does not say that it closes it sooner. */
  readonly keepAliveMs: number;
  /** Shared by all that send from one thread. */
  readonly outbox: Outbox;
}

/** A server closes its connections while a request may be on its way, so ours are given up so much sooner. */
const MARGIN_MS = 2000;
const SWEEP_MS = 1000;
/** An idle connection that leads nowhere any more is found out. */
const PROBE_MS = 60_000;

/** What every socket reads into: its bytes are taken out before another one reads. */
const received = Buffer.allocUnsafeSlow(64 * 1024);

interface Idle {
  readonly connection: Connection;
  readonly untilMs: number;
}

/**
 * Requests over HTTP/1.1 to one origin: a connection for each that is under way, which serves others after it. Made for
 * what the relay does all day, one small request and its answer, with as little between it and the socket as can be:
 * with undici, which serves everywhere else here, a call took a tenth more CPU and, with a pause before it, 0.2 ms more.
 */
export class HttpClient implements ConnectionOwner {
  readonly #origin: URL;
  readonly #options: HttpClientOptions;
  readonly #connections = new Set<Connection>();
  /** The one that was used last comes last, and is taken first. */
  #idle: Idle[] = [];
  #sweep: NodeJS.Timeout | null = null;
  #session: Buffer | undefined;
  #isClosed = false;

  constructor(origin: string, options: HttpClientOptions) {
    this.#origin = new URL(origin);
    this.#options = options;
  }

  /** It takes no more requests. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** Never throws: the reader hears of everything, of the request's own faults too. */
  send(request: HttpRequest, reader: ResponseReader): void {
    const transfer = new Transfer(request, reader);
    if (this.#isClosed) return transfer.failed(new HttpFault("CONNECTION_CLOSED", "the client was closed"));
    const connection = this.#take() ?? this.#connect();
    connection.send(transfer);
  }

  /** Requests that are under way go on. */
  close(): void {
    this.#isClosed = true;
    this.#stopSweep();
    for (const { connection } of this.#idle.splice(0)) connection.fail(closed());
  }

  /** Requests that are under way fail. */
  destroy(): void {
    this.close();
    for (const connection of this.#connections) connection.fail(closed());
  }

  idle(connection: Connection, keepMs: number | null): void {
    const { keepAliveMs } = this.#options;
    const forMs = keepMs === null ? keepAliveMs : Math.min(keepAliveMs, keepMs - MARGIN_MS);
    if (this.#isClosed || forMs <= 0) return connection.fail(closed());
    this.#idle.push({ connection, untilMs: performance.now() + forMs });
    this.#sweep ??= setTimeout(() => this.#closeExpired(), SWEEP_MS).unref();
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
    const at = this.#idle.findLastIndex((one) => one.connection === connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  #take(): Connection | null {
    const found = this.#idle.pop();
    if (found === undefined) return null;
    if (found.untilMs > performance.now()) return found.connection;
    found.connection.fail(closed());
    return this.#take();
  }

  #connect(): Connection {
    const { host, protocol } = this.#origin;
    const isTls = protocol === "https:" && this.#options.socketPath === undefined;
    const { connectMs, outbox } = this.#options;
    const connection = new Connection((take) => this.#open(isTls, take), isTls ? "secureConnect" : "connect", connectMs, host, this, outbox);
    this.#connections.add(connection);
    return connection;
  }

  #open(isTls: boolean, take: (bytes: Buffer) => void): Socket {
    const onread: OnReadOpts = { buffer: received, callback: (bytes) => (take(received.subarray(0, bytes)), true) };
    if (this.#options.socketPath !== undefined) return connect({ path: this.#options.socketPath, onread });
    const { hostname, port } = this.#origin;
    const target = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || (isTls ? 443 : 80)), onread };
    const secured = { ...target, ALPNProtocols: ["http/1.1"], ...(this.#session && { session: this.#session }) };
    const socket = isTls ? connectTls(secured).on("session", (session) => (this.#session = session)) : connect(target);
    return socket.setNoDelay(true).setKeepAlive(true, PROBE_MS);
  }

  #closeExpired(): void {
    const nowMs = performance.now();
    for (const { connection, untilMs } of [...this.#idle]) if (untilMs <= nowMs) connection.fail(closed());
    this.#sweep = this.#idle.length === 0 ? null : setTimeout(() => this.#closeExpired(), SWEEP_MS).unref();
  }

  #stopSweep(): void {
    if (this.#sweep !== null) clearTimeout(this.#sweep);
    this.#sweep = null;
  }
}

const closed = (): HttpFault => new HttpFault("CONNECTION_CLOSED", "the connection is closed");
