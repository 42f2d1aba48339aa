import { readFileSync } from "node:fs";

/** The package's root: the folder that holds package.json, in a checkout and in an installed package alike. */
export const packageRoot = new URL("../../", import.meta.url);

export function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL("package.json", packageRoot), "utf8")) as { version: string }).version;
}
