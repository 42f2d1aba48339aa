import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SignalboxError } from "../../kernel/errors.ts";
import { entryLines, type Anchor } from "./anchor.ts";

const run = promisify(execFile);
const TIMEOUT_MS = 30_000;

/** A note is a commit of its own ref, so each checkpoint has a place in a history that clones of the repository share. */
export function createGitNoteAnchor(options: { repository: string; ref: string }): Anchor {
  const { repository, ref } = options;
  const identity = ["-c", "user.name=signalbox", "-c", "user.email=signalbox@localhost", "-c", "core.hooksPath=/dev/null"];
  return {
    name: `git-note ${repository} ${ref}`,
    async keep(entries) {
      try {
        await run("git", ["-C", repository, ...identity, "notes", "--ref", ref, "append", "-m", entryLines(entries).trimEnd(), "HEAD"], { timeout: TIMEOUT_MS });
      } catch (error) {
        throw describe(error as NodeJS.ErrnoException & { stderr?: string }, repository);
      }
    },
  };
}

function describe(error: NodeJS.ErrnoException & { stderr?: string }, repository: string): SignalboxError {
  if (error.code === "ENOENT") {
    return new SignalboxError("E_AUDIT_ANCHOR", "the git command is not installed", { remedy: "install git, or use another anchor", cause: error });
  }
  const why = (error.stderr ?? error.message).trim().split("\n")[0] ?? "";
  return new SignalboxError("E_AUDIT_ANCHOR", `git took no note in ${repository}: ${why}`, { remedy: "it must be a repository with a commit, and writable", cause: error });
}
