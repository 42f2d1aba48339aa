import { watch, type FSWatcher } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FileError, type FileProblem } from "../collector/kernel/errors.ts";
import type { Stoppable } from "../collector/kernel/lifecycle.ts";
import type { ControlPlane } from "./control-plane.ts";
import { limitsFile } from "./limits/load-limits.ts";
import { peopleFileOf } from "./registry/load-registry.ts";
import { createReloaders, type ControlPlaneOptions, type ControlPlanePart } from "./load-control-plane.ts";

export interface ControlPlaneWatch {
  /** What is in force when watching begins. */
  readonly current: ControlPlane;
  /** A new snapshot, in which `changed` was read again; the other parts are the same objects as before. */
  onChange(snapshot: ControlPlane, changed: ControlPlanePart): void;
  /** A part was refused whole; what was in force stays so. Told once for each state of its files. */
  onRefused(part: ControlPlanePart, problems: readonly FileProblem[]): void;
  /** How long files must rest before they are read: editors write in several steps. */
  debounceMs?: number;
  /** Notifications get lost (network file systems, replaced directories), so the files are also looked at this often. */
  pollMs?: number;
}

/** Credentials and rules first: a revoked key or a new denial does not wait for a large registry. */
const parts: readonly ControlPlanePart[] = ["authenticator", "limits", "policies", "registry"];

/** Reads a part again when its files changed, and puts it in force only when all of it is right. */
export function watchControlPlane(options: ControlPlaneOptions, hooks: ControlPlaneWatch): Stoppable {
  const { debounceMs = 50, pollMs = 1000 } = hooks;
  const sources = { registry: [options.registryDir, peopleFileOf(options.registryDir)], policies: [options.policyDir], authenticator: [options.keysFile], limits: [limitsFile(options.policyDir)] };
  const reloaders = createReloaders(options);
  const seen = new Map<ControlPlanePart, string>();
  let current = hooks.current;
  let stopped = false;
  let settle: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    for (const part of parts) {
      const state = (await Promise.all(sources[part].map(stateOf))).join("\n");
      if (stopped) return;
      if (state === seen.get(part)) continue;
      // Noted before reading: a change during the read shows as another state at the next look.
      seen.set(part, state);
      await reload(part);
      if (stopped) return;
    }
  }

  async function reload(part: ControlPlanePart): Promise<void> {
    try {
      const loaded = await reloaders[part]();
      if (stopped) return;
      const next = Object.freeze({ ...current, [part]: loaded });
      const version = versionOf(part, next);
      if (version !== undefined && version === versionOf(part, current)) return;
      current = next;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (stopped) return;
      hooks.onRefused(part, error.problems);
      return;
    }
    hooks.onChange(current, part);
  }

  const schedule = (): void => {
    if (stopped) return;
    clearTimeout(settle);
    settle = setTimeout(lookNow, debounceMs).unref();
  };
  const lookNow = (): void => {
    looking = looking.then(look);
  };

  const watchers = new Set([options.registryDir, options.policyDir, dirname(options.policyDir), dirname(options.keysFile)]);
  const open = [...watchers].flatMap((directory) => watchDirectory(directory, schedule));
  // The first look is not held back: a file may have changed between the load and now.
  lookNow();
  const poll = setInterval(lookNow, pollMs).unref();

  return {
    async stop() {
      stopped = true;
      clearTimeout(settle);
      clearInterval(poll);
      for (const watcher of open) watcher.close();
      await looking;
    },
  };
}

function watchDirectory(directory: string, onEvent: () => void): FSWatcher[] {
  try {
    const watcher = watch(directory, { persistent: false }, onEvent);
    // A watcher that fails later leaves the poll in charge.
    watcher.on("error", () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}

function versionOf(part: ControlPlanePart, plane: ControlPlane): string | undefined {
  return part === "registry" ? plane.registry.revision : plane[part].version;
}

/** Changes whenever a file there is written, replaced, added or removed. */
async function stateOf(path: string): Promise<string> {
  try {
    const files = (await isDirectory(path)) ? (await readdir(path)).sort().map((name) => join(path, name)) : [path];
    const states = await Promise.all(files.map(fileState));
    return states.join("\n");
  } catch (error) {
    return `unreadable: ${(error as NodeJS.ErrnoException).code}`;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

async function fileState(file: string): Promise<string> {
  const { mtimeNs, ctimeNs, size, ino } = await stat(file, { bigint: true });
  return `${file} ${mtimeNs} ${ctimeNs} ${size} ${ino}`;
}
