import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { Message } from "../../transport/envelope.ts";
import { INVALID_REQUEST, OVERLOADED, SESSION_NOT_FOUND } from "../../transport/rpc-error.ts";
import type { Launcher } from "./launcher.ts";
import { LegacySession } from "./legacy-session.ts";
import { reply, replyError } from "./pending-answer.ts";

/** The sessions of old-era clients with one server, each with a child of its own, because the child holds its state. */
export class LegacySessions {
  readonly #launcher: Launcher;
  readonly #idleMs: number;
  readonly #maxSessions: number;
  readonly #open = new Map<string, LegacySession>();

  constructor(launcher: Launcher, idleMs: number, maxSessions: number) {
    this.#launcher = launcher;
    this.#idleMs = idleMs;
    this.#maxSessions = maxSessions;
  }

  post(message: Message, sessionId: string | undefined, response: ServerResponse): void {
    if (message.method === "initialize" && sessionId === undefined) return this.#begin(message, response);
    const session = this.#find(sessionId, message.id, response);
    session?.post(message, response);
  }

  listen(sessionId: string | undefined, response: ServerResponse): void {
    this.#find(sessionId, null, response)?.listen(response);
  }

  end(sessionId: string | undefined, response: ServerResponse): void {
    const session = this.#find(sessionId, null, response);
    if (!session) return;
    void session.stop();
    reply(response, 200, "");
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#open.values()].map((session) => session.stop()));
  }

  #begin(message: Message, response: ServerResponse): void {
    const id = randomUUID();
    const session: LegacySession = new LegacySession(id, this.#idleMs, () => this.#open.delete(id), (child) => this.#launcher.stop(child));
    const room = this.#open.size < this.#maxSessions;
    const child = room ? this.#launcher.start((received) => session.received(received)) : null;
    if (child === null) return replyError(response, 503, message.id, OVERLOADED, "No further process of this server can be started now.");
    session.attach(child);
    this.#open.set(id, session);
    session.post(message, response);
  }

  #find(sessionId: string | undefined, id: Message["id"], response: ServerResponse): LegacySession | undefined {
    const session = sessionId === undefined ? undefined : this.#open.get(sessionId);
    if (session) return session;
    if (sessionId === undefined) replyError(response, 400, id, INVALID_REQUEST, "Mcp-Session-Id is missing; begin with initialize.");
    else replyError(response, 404, id, SESSION_NOT_FOUND, "Session not found. Begin a new one with initialize.");
    return undefined;
  }
}
