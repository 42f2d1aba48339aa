import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { nodeDisk } from "../disk.ts";
import { entryLines, type Anchor } from "./anchor.ts";

export function createFileAnchor(path: string): Anchor {
  return {
    name: `file ${path}`,
    async keep(entries) {
      await mkdir(dirname(path), { recursive: true });
      const file = await nodeDisk.openAppend(path);
      try {
        await file.write(Buffer.from(entryLines(entries)));
        await file.sync();
      } finally {
        await file.close();
      }
    },
  };
}
