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
  return () => rm(templates, { recursive: true, force: true });
}
