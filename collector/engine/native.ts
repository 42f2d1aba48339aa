import { createRequire } from "node:module";

/** An open connection of the addon. Opaque; destroying one while a call is running on it aborts the whole engine. */
export type Handle = { readonly __handle: unique symbol };

export interface NativeResult {
  bytes: Buffer;
  elapsed: number;
  rowsRead: number;
  bytesRead: number;
}

export interface NativeInsertResult {
  elapsed: number;
  rowsWritten: number;
  bytesWritten: number;
}

export interface NativeAnalysis {
  statementCount: number;
  /** 0 read, 1 write, 2 global write, 3 control, 4 not understood. */
  queryClass: number;
}

/** The part of chDB's addon that the engine uses. Every call runs on the libuv pool, except the two on connections. */
export interface Native {
  EngineVersion(): string;
  CreateConnection(dir: string, args?: string[]): Handle;
  CloseConnection(handle: Handle): void;
  QueryAsyncConnection(handle: Handle, sql: string, format: string): Promise<NativeResult>;
  InsertRawAsyncConnection(handle: Handle, prefix: string, data: Buffer, countLines: boolean): Promise<NativeInsertResult>;
  DurableClassifyAsync(handle: Handle, sql: string, database: string): Promise<NativeAnalysis>;
}

/**
 * Loads the addon. Call `preflight` first: on a CPU without AVX2 the load itself kills the process.
 * The addon is taken below chDB's public interface because that interface has neither the classifier nor the
 * row count of an insert, and because its Session lets parameterised queries wait for each other.
 */
export function loadNative(): Native {
  const require = createRequire(import.meta.url);
  const loader = createRequire(require.resolve("chdb"))("./dist/loader.js") as { loadNative(): Native };
  return loader.loadNative();
}
