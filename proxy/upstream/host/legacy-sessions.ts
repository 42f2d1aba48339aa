import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import type { JsonObject, Message } from "../../transport/envelope.ts";
import { INVALID_REQUEST, OVERLOADED, SESSION_NOT_FOUND } from "../../transport/rpc-error.ts";
import type { CallHeaders } from "./child.ts";
import type { Between, Launcher } from "./launcher.ts";
import { LegacySession } from "./legacy-session.ts";
import { reply, replyError, statusFor } from "./pending-answer.ts";

export interface LegacySessionsOptions {
  readonly idleMs: number;
  readonly maxSessions: number;
  /** Makes a server of the newest revision out of which a client of the older protocol can be served; absent where no server is one. */
  readonly bridge?: Between;
  /** Only clients come here whose era the server does not speak. */
  readonly alwaysBridged: boolean;
  readonly idPrefix: string;
}

/** The sessions of old-era clients with one server, each with a child of its own, because the child holds its state. */
export class LegacySessions {
  readonly #launcher: Launcher;
  readonly #options: LegacySessionsOptions;
  readonly #open = new Map<string, LegacySession>();
  /** The server is known to speak the newest revision alone. */
  #bridged: boolean;

  constructor(launcher: Launcher, options: LegacySessionsOptions) {
    this.#launcher = launcher;
    this.#options = options;
    this.#bridged = options.alwaysBridged;
  }

  post(message: Message, sessionId: string | undefined, headers: CallHeaders, response: ServerResponse): void {
    if (message.method === "initialize" && sessionId === undefined) return this.#begin(message, headers, response);
    const session = this.#find(sessionId, message.id, response);
    session?.post(message, headers, response);
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

  /** A server that refuses a session may be one of the newest revision, which has none: then it is asked in its own way. */
  #begin(message: Message, headers: CallHeaders, response: ServerResponse): void {
    const { bridge } = this.#options;
    const answer = (refused: JsonObject): void => reply(response, statusFor(refused.error), JSON.stringify(refused));
    this.#start(message, headers, response, this.#bridged ? bridge : undefined, (refused) => {
      if (refused === null) return;
      if (this.#bridged || bridge === undefined) return answer(refused);
      this.#start(message, headers, response, bridge, (again) => {
        if (again === null) this.#bridged = true;
        else answer(refused);
      });
    });
  }

  #start(message: Message, headers: CallHeaders, response: ServerResponse, bridge: Between | undefined, begun: (refused: JsonObject | null) => void): void {
    const { idleMs, maxSessions, idPrefix } = this.#options;
    const id = idPrefix + randomUUID();
    const session: LegacySession = new LegacySession(id, idleMs, () => this.#open.delete(id), (child) => this.#launcher.stop(child));
    const room = this.#open.size < maxSessions;
    const child = room ? this.#launcher.start((received, about) => session.received(received, about), bridge) : null;
    if (child === null) return replyError(response, 503, message.id, OVERLOADED, "No further process of this server can be started now.");
    session.attach(child);
    this.#open.set(id, session);
    session.begin(message, headers, response, begun);
  }

  #find(sessionId: string | undefined, id: Message["id"], response: ServerResponse): LegacySession | undefined {
    const session = sessionId === undefined ? undefined : this.#open.get(sessionId);
    if (session) return session;
    if (sessionId === undefined) replyError(response, 400, id, INVALID_REQUEST, "Mcp-Session-Id is missing; begin with initialize.");
    else replyError(response, 404, id, SESSION_NOT_FOUND, "Session not found. Begin a new one with initialize.");
    return undefined;
  }
}
