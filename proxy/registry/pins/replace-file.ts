import { chmodSync, existsSync, renameSync, statSync, writeFileSync } from "node:fs";

/** Replaces a file whole, so that a reader never sees half of it; who may read it stays as it was. */
export function replaceFile(file: string, text: string): void {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, text);
  if (existsSync(file)) chmodSync(draft, statSync(file).mode & 0o777);
  renameSync(draft, file);
}
