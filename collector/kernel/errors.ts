/**
 * Every failure that a person may meet has a stable code, says what was attempted and what to do next.
 * Messages never hold secrets or payloads.
 */
export class SignalboxError extends Error {
  readonly code: string;
  readonly remedy: string | undefined;

  constructor(code: string, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SignalboxError";
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** One fault in a file that a person wrote. Lines and columns count from 1. */
export interface FileProblem {
  file: string;
  line: number;
  column: number;
  message: string;
  remedy?: string;
}

/** A file was refused as a whole; `problems` lists every fault that was found in it. */
export class FileError extends SignalboxError {
  readonly problems: readonly FileProblem[];

  constructor(problems: readonly FileProblem[]) {
    super("E_FILE", problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

export function formatProblem(p: FileProblem): string {
  return `${p.file}:${p.line}:${p.column}: ${p.message}${p.remedy ? ` (${p.remedy})` : ""}`;
}

/** What a terminal shows for any thrown value: one line, and the remedy where there is one. */
export function describeError(error: unknown): string {
  if (error instanceof SignalboxError) {
    return error.remedy ? `${error.message}\n  ${error.remedy}` : error.message;
  }
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED") {
    return `${(error as Error).message}\n  Nothing answers there. Is \`signalbox up\` running?`;
  }
  return error instanceof Error ? error.message : String(error);
}
