import { EngineException } from "./exceptions.ts";
import type { Handle, Native } from "./native.ts";

/**
 * Settings, parameters, temporary tables and readonly=1 stick to an engine connection for its life, and none of them
 * can be taken back for certain. So a connection serves one request (or one session) and is then closed. Opening and
 * preparing one costs about half a millisecond; a few are kept ready so that no request waits for it.
 */
export interface Connections {
  /** A fresh connection whose current database is the configured one. */
  take(): Promise<Connection>;
  /** Closes what is idle, now, and the rest as it becomes idle; resolves when all are closed. No new ones after this. */
  stop(): Promise<void>;
}

export interface Connection {
  readonly handle: Handle;
  /** Runs one native call; the connection is not destroyed while any is running. */
  use<T>(work: (handle: Handle) => Promise<T>): Promise<T>;
  /** Destroys it once nothing runs on it any more. May be called twice. */
  close(): void;
}

const READY = 4;

export function createConnections(native: Native, dir: string, database: string): Connections {
  const ready: Promise<Connection>[] = [];
  const open = new Set<Connection>();
  let stopped = false;
  let allClosed: () => void = () => undefined;

  const prepare = async (): Promise<Connection> => {
    if (stopped) throw EngineException.of("QUERY_WAS_CANCELLED", "The store is shutting down.");
    const connection = track(native, native.CreateConnection(dir), () => {
      open.delete(connection);
      if (open.size === 0) allClosed();
    });
    open.add(connection);
    await connection.use((handle) => native.QueryAsyncConnection(handle, `USE ${database}`, "Null"));
    return connection;
  };

  const refill = (): void => {
    while (!stopped && ready.length < READY) {
      const next = prepare();
      // The one who takes it sees the failure; until then it must not count as unhandled.
      next.catch(() => undefined);
      ready.push(next);
    }
  };

  return {
    async take() {
      const connection = await (ready.shift() ?? prepare());
      // After the request is under way, not before: opening blocks the event loop for a moment.
      setImmediate(refill);
      return connection;
    },
    async stop() {
      stopped = true;
      await Promise.allSettled(ready);
      const closed = new Promise<void>((done) => (allClosed = done));
      for (const connection of open) connection.close();
      if (open.size > 0) await closed;
    },
  };
}

/** Guards a handle: destroying one while a call runs on it would abort the engine, or hang. */
export function track(native: Native, handle: Handle, onClosed: () => void = () => undefined): Connection {
  let running = 0;
  let closing = false;
  let closed = false;
  const closeIfIdle = (): void => {
    if (!closing || closed || running > 0) return;
    closed = true;
    native.CloseConnection(handle);
    onClosed();
  };
  return {
    handle,
    async use(work) {
      if (closing) throw EngineException.of("QUERY_WAS_CANCELLED", "The store is shutting down.");
      running++;
      try {
        return await work(handle);
      } finally {
        running--;
        closeIfIdle();
      }
    },
    close() {
      closing = true;
      closeIfIdle();
    },
  };
}
