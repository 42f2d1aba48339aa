import { resolve } from "node:path";
import { secretSource, type Environment } from "../../kernel/secret-place.ts";
import type { AnchorConfig } from "../config.ts";
import type { Anchor } from "./anchor.ts";
import { createFileAnchor } from "./file.ts";
import { createGitNoteAnchor } from "./git-note.ts";
import { createHttpAnchor } from "./http.ts";

export function createAnchor(config: AnchorConfig, baseDir: string, env: Environment): Anchor {
  switch (config.kind) {
    case "file":
      return createFileAnchor(resolve(baseDir, config.path));
    case "http":
      return createHttpAnchor({ ...config, credential: config.credential === undefined ? null : secretSource(config.credential, { baseDir, env, code: "E_AUDIT_ANCHOR_CREDENTIAL", what: "an anchor's credential" }) });
    case "git-note":
      return createGitNoteAnchor({ repository: resolve(baseDir, config.repository), ref: config.ref });
  }
}
