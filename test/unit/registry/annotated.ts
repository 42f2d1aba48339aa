import { mkdtempSync, readdirSync, readFileSync, copyFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { FileError, type FileProblem } from "../../../collector/kernel/errors.ts";

/** A fixture that says in its own comments what is to be said of it: `# refused 3:5 owner: missing`, one line a fault. */
export interface AnnotatedFile {
  readonly name: string;
  readonly file: string;
  readonly expected: readonly string[];
}

export function annotatedFiles(folder: string, word: string): AnnotatedFile[] {
  return readdirSync(folder)
    .sort()
    .map((entry) => {
      const file = join(folder, entry);
      const lines = readFileSync(file, "utf8").matchAll(new RegExp(`^# ${word} (.*)$`, "gm"));
      return { name: basename(entry, ".yaml").replaceAll("-", " "), file, expected: [...lines].map((m) => m[1]!) };
    });
}

/** A directory that holds copies of these files and nothing else. */
export function directoryOf(...files: string[]): string {
  const directory = mkdtempSync(join(tmpdir(), "signalbox-"));
  for (const file of files) copyFileSync(file, join(directory, basename(file)));
  return directory;
}

/** `line:column message` of each fault that `load` throws, cut to the length of the annotation beside it. */
export function faultsOf(load: () => unknown): readonly FileProblem[] {
  try {
    load();
  } catch (error) {
    if (error instanceof FileError) return error.problems;
    throw error;
  }
  return [];
}

/** What to compare with an annotation: an annotation may leave the end of a message out. */
export function asAnnotated(problems: readonly FileProblem[], expected: readonly string[]): string[] {
  return problems.map((p, i) => `${p.line}:${p.column} ${p.message}`.slice(0, expected[i]?.length ?? undefined));
}
