import type { Connection } from "./connections.ts";
import { EngineException } from "./exceptions.ts";

/** Sessions keep a connection, and with it settings and temporary tables, between requests of one user. */
export interface Sessions {
  /**
   * Locks the session and hands out its connection; a second request on it gets SESSION_IS_LOCKED until `release`.
   * `mustExist` is HTTP's session_check: SESSION_NOT_FOUND rather than a new one.
   */
  acquire(key: string, timeoutS: number, mustExist: boolean): Promise<{ connection: Connection; release(): void }>;
  stop(): void;
}

interface Session {
  connection: Promise<Connection>;
  busy: boolean;
  expiry: NodeJS.Timeout | undefined;
}

export function createSessions(open: () => Promise<Connection>, maxSessions: number): Sessions {
  const sessions = new Map<string, Session>();

  const drop = (key: string): void => {
    const session = sessions.get(key);
    sessions.delete(key);
    clearTimeout(session?.expiry);
    session?.connection.then((connection) => connection.close()).catch(() => undefined);
  };

  const find = (key: string, mustExist: boolean): Session => {
    const known = sessions.get(key);
    if (known) return known;
    if (mustExist) throw EngineException.of("SESSION_NOT_FOUND", "Session not found.");
    if (sessions.size >= maxSessions) {
      throw EngineException.of("TOO_MANY_SIMULTANEOUS_QUERIES", `Too many sessions. Maximum: ${maxSessions}.`);
    }
    const session: Session = { connection: open(), busy: false, expiry: undefined };
    sessions.set(key, session);
    return session;
  };

  return {
    async acquire(key, timeoutS, mustExist) {
      const session = find(key, mustExist);
      if (session.busy) throw EngineException.of("SESSION_IS_LOCKED", "Session is locked by a concurrent client.");
      session.busy = true;
      clearTimeout(session.expiry);
      try {
        const connection = await session.connection;
        return {
          connection,
          release() {
            session.busy = false;
            clearTimeout(session.expiry);
            session.expiry = setTimeout(() => drop(key), timeoutS * 1000).unref();
          },
        };
      } catch (error) {
        drop(key);
        throw error;
      }
    },
    stop() {
      for (const key of [...sessions.keys()]) drop(key);
    },
  };
}
