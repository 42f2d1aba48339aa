import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";

export const deployDir = resolve(import.meta.dirname, "../../../collector/deploy");

const kustomizationSchema = z.strictObject({
  apiVersion: z.literal("kustomize.config.k8s.io/v1beta1"),
  kind: z.literal("Kustomization"),
  namespace: z.string().optional(),
  resources: z.array(z.string()).default([]),
  generatorOptions: z.strictObject({ disableNameSuffixHash: z.boolean() }).optional(),
  configMapGenerator: z.array(z.strictObject({ name: z.string(), files: z.array(z.string()) })).default([]),
  secretGenerator: z.array(z.strictObject({ name: z.string(), files: z.array(z.string()).optional(), envs: z.array(z.string()).optional() })).default([]),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })).default([]),
});

export interface Manifests {
  readonly objects: readonly { readonly kind: string; readonly name: string; readonly value: unknown; readonly file: string }[];
  /** By name of the ConfigMap: each key's file. */
  readonly configMaps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** By name of the Secret: its keys. What they hold is not in the repository. */
  readonly secrets: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What `kubectl kustomize` makes of a folder, without the hashes in the names. Throws for a file that is not there. */
export function readManifests(dir: string): Manifests {
  const objects: Manifests["objects"][number][] = [];
  const configMaps = new Map<string, Map<string, string>>();
  const secrets = new Map<string, Set<string>>();
  const visit = (folder: string): void => {
    const k = kustomizationSchema.parse(parse(readFileSync(join(folder, "kustomization.yaml"), "utf8")));
    for (const { name, files } of k.configMapGenerator) {
      configMaps.set(name, new Map(files.map((entry) => {
        const [key, path] = entry.includes("=") ? (entry.split("=") as [string, string]) : [basename(entry), entry];
        if (path.startsWith("..")) throw new Error(`${folder}: kustomize reads no file outside its folder: ${path}`);
        readFileSync(join(folder, path));
        return [key, join(folder, path)];
      })));
    }
    for (const { name, files = [], envs = [] } of k.secretGenerator) {
      const fromEnvs = envs.flatMap((env) => readFileSync(join(folder, `${env}.example`), "utf8").split("\n").filter((line) => /^\w+=/.test(line)).map((line) => line.split("=")[0] ?? ""));
      secrets.set(name, new Set([...files.map((file) => basename(file)), ...fromEnvs]));
    }
    for (const resource of k.resources) {
      const path = resolve(folder, resource);
      if (existsSync(join(path, "kustomization.yaml"))) visit(path);
      else objects.push(...readObjects(path));
    }
  };
  visit(dir);
  return { objects, configMaps, secrets };
}

function readObjects(file: string): Manifests["objects"][number][] {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]?.message}`);
    const value = document.toJS() as { kind: string; metadata: { name: string } };
    return { kind: value.kind, name: value.metadata.name, value, file: join(basename(dirname(file)), basename(file)) };
  });
}
