import { join, resolve } from "node:path";
import type { ConfigSource } from "../collector/kernel/config.ts";
import type { ProxyConfig } from "./config.ts";
import type { ControlPlaneOptions } from "./load-control-plane.ts";
import { samplePolicyDir, sampleRegistryDir } from "./sample/sample.ts";

/**
 * Where the control plane's files are: the user's beside `signalbox.yaml`, or the package's sample while the configuration
 * names no registry.
 */
export function controlFiles(config: ConfigSource, proxy: ProxyConfig): ControlPlaneOptions & { readonly sample: boolean } {
  const own = (path: string): string => resolve(config.baseDir, path);
  const sample = proxy.registry === undefined;
  return {
    sample,
    registryDir: sample ? sampleRegistryDir : own(proxy.registry ?? ""),
    policyDir: proxy.policies !== undefined ? own(proxy.policies) : sample ? samplePolicyDir : own("policies"),
    keysFile: proxy.keys !== undefined ? own(proxy.keys) : join(config.dataDir, "keys.yaml"),
    dataDir: config.dataDir,
    defaultTaskClass: proxy.defaultTaskClass,
    anonymousAgent: proxy.anonymousAgent,
  };
}
