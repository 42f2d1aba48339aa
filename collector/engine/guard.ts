import { denial, isSuspicious } from "./denied.ts";
import { EngineException, toException } from "./exceptions.ts";
import type { Handle, Native } from "./native.ts";
import { literal } from "./statement.ts";

export type Access = "full" | "readonly";

/** What ClickHouse's own parser says about a statement, and what follows from it. */
export interface Analysis {
  statementCount: number;
  queryClass: number;
  /** Why nobody may run it; undefined where nothing is against it. */
  denied: string | undefined;
}

export const READ = 0;
const GLOBAL_WRITE = 2;
const CONTROL = 3;
const NOT_UNDERSTOOD = 4;

/**
 * The second of three guards against access to files: a decision about the statement's text, before it runs. The first
 * is the engine's grants (config-file.ts), the third readonly=1 with limits for read-only users (settings.ts).
 * Throws what a client is to see; returns for a statement that may run.
 */
export function admit(analysis: Analysis, access: Access): void {
  if (analysis.statementCount > 1) {
    throw EngineException.of("SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): send one at a time.");
  }
  if (analysis.denied !== undefined) throw EngineException.of("ACCESS_DENIED", analysis.denied);
  if (analysis.queryClass >= NOT_UNDERSTOOD) {
    throw EngineException.of("ACCESS_DENIED", "This kind of statement is not known here.");
  }
  if (analysis.queryClass === GLOBAL_WRITE) {
    throw EngineException.of("ACCESS_DENIED", "Users, functions and named collections cannot be changed here.");
  }
  if (access === "readonly" && analysis.queryClass !== READ) {
    throw EngineException.of("READONLY", "Cannot execute query in readonly mode.");
  }
}

const CACHED_STATEMENTS = 2000;
const CACHED_BYTES = 4096;

export interface Guard {
  /**
   * Asks the parser, on `handle`, about one statement. An INSERT is given without its data. Rejects with the parser's
   * own SYNTAX_ERROR for what does not parse.
   */
  analyse(handle: Handle, statement: string): Promise<Analysis>;
}

/** Answers are kept by text: they depend on nothing else, and the same statements come again and again. */
export function createGuard(native: Native, database: string): Guard {
  const known = new Map<string, Analysis>();

  const formatted = async (handle: Handle, statement: string): Promise<string> => {
    const sql = `SELECT formatQuerySingleLine(${literal(statement)})`;
    try {
      const result = await native.QueryAsyncConnection(handle, sql, "TabSeparatedRaw");
      return result.bytes.toString("utf8");
    } catch (error) {
      const { code, message } = toException(error);
      throw new EngineException(code, message.replace(/: In scope SELECT formatQuerySingleLine\(.*\)(?=\. \()/s, ""));
    }
  };

  return {
    async analyse(handle, statement) {
      const cached = known.get(statement);
      if (cached) return cached;
      const { statementCount, queryClass } = await native.DurableClassifyAsync(handle, statement, database);
      // What does not parse has no statements; the formatter's error then says where.
      const look = statementCount <= 1 && (queryClass !== READ || isSuspicious(statement));
      const denied = look ? denial(await formatted(handle, statement), queryClass === CONTROL) : undefined;
      const analysis = { statementCount, queryClass, denied };
      if (statement.length <= CACHED_BYTES) {
        if (known.size >= CACHED_STATEMENTS) known.clear();
        known.set(statement, analysis);
      }
      return analysis;
    },
  };
}
