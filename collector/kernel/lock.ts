import { link, readFile, rename, unlink, writeFile } from "node:fs/promises";

/** Files that this very process holds: its own pid in a lock file says nothing, a container's is always the same. */
const held = new Set<string>();

/**
 * Takes the lock `path` for this process, in a directory that is there, taking over the lock of a process that is gone.
 * While its owner lives, throws what `refused` makes of the owner (`process 123`). Returns the release, which may be
 * called twice.
 */
export async function acquireLock(path: string, refused: (owner: string) => Error): Promise<() => Promise<void>> {
  if (held.has(path)) throw refused("this process");
  held.add(path);
  try {
    await acquire(path, refused);
  } catch (error) {
    held.delete(path);
    throw error;
  }
  return async () => {
    if (!held.delete(path)) return;
    await unlink(path).catch(() => {});
  };
}

async function acquire(path: string, refused: (owner: string) => Error): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await create(path)) return;
    const owner = await readOwner(path);
    if (owner === null) continue;
    if (await isAlive(owner)) throw refused(`process ${owner.split(" ")[0]}`);
    await discard(path, owner);
  }
  throw refused("another process");
}

/** Linked into place with its content, so that nobody reads a lock that does not say yet whose it is. */
async function create(path: string): Promise<boolean> {
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, await identify(process.pid), { mode: 0o600 });
  try {
    await link(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(aside);
  }
}

/** Two processes may find the same stale lock: only the one that moves that very file away goes on. */
async function discard(path: string, stale: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readOwner(aside)) !== stale) await link(aside, path).catch(() => {});
  await unlink(aside);
}

async function readOwner(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return null;
  }
}

/** `pid start`: the start time tells a process from a later one with the same number, where the system shows it. */
async function identify(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the command's name in parentheses and may hold anything, so count from behind it.
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return `${pid} -`;
  }
}

async function isAlive(owner: string): Promise<boolean> {
  const pid = Number(owner.split(" ")[0]);
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const now = await identify(pid);
  return now === owner || now.endsWith(" -") || owner.endsWith(" -");
}
