import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** A folder of this run, for what several files can start from. */
    templates: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const templates = await mkdtemp(join(tmpdir(), "signalbox-templates-"));
  project.provide("templates", templates);
  // The tests start hundreds of processes of the same code, each of which would strip and compile all of it.
  process.env.NODE_COMPILE_CACHE ??= join(templates, "compiled");
  return () => rm(templates, { recursive: true, force: true });
}
