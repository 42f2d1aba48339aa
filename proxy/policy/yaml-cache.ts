import { readFile } from "node:fs/promises";
import type { FileProblem } from "../../collector/kernel/errors.ts";
import { finishInSlices } from "./steps.ts";
import { listYamlFiles, parseYamlSteps, readYamlFile, rememberedYaml, type ReadYaml, type YamlFile } from "../registry/yaml-file.ts";

/** The files of one directory as they were parsed last: of a thousand files, mostly one has changed. */
export interface YamlCache {
  /**
   * Reads all of them without holding up the event loop, and parses what is new. The reader that comes of it hands out
   * exactly that, for one load right after.
   */
  warm(directory: string): Promise<ReadYaml>;
}

export function createYamlCache(): YamlCache {
  let kept: ReadonlyMap<string, YamlFile> = new Map();
  return {
    async warm(directory) {
      const fresh = new Map<string, YamlFile>();
      const next = new Map<string, YamlFile>();
      for (const file of listYamlFiles(directory, [])) {
        const text = await readFile(file, "utf8").catch(() => undefined);
        if (text === undefined) continue;
        const before = kept.get(file);
        const yaml = before?.text === text ? before : await finishInSlices(parseYamlSteps(file, text, []));
        if (!yaml) continue;
        fresh.set(file, yaml);
        // The parsed document is large and seldom needed twice: only what the file says is kept.
        next.set(file, before === yaml ? before : rememberedYaml(file, text, yaml.value));
      }
      kept = next;
      // What could not be read or parsed is read again by the loader, which knows how to say what is wrong with it.
      return (file: string, problems: FileProblem[]) => fresh.get(file) ?? readYamlFile(file, problems);
    },
  };
}
