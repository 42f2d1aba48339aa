import { toolFacts } from "../registry/callable.ts";
import type { ServerEntry } from "../registry/server-entry.ts";
import type { ResultPlan } from "./plan.ts";

type Row = Omit<ResultPlan, "trusted" | "enforced">;
type Tier = "low" | "medium" | "high";

const MIB = 1024 * 1024;

/** What a model is meant to look at. Not SVG, which is a program that draws, and no octets of any kind. */
const readable = ["text/*", "application/json", "application/*+json", "application/xml", "application/yaml", "image/png", "image/jpeg", "image/gif", "image/webp", "audio/*"];
const documents = [...readable, "application/pdf", "application/octet-stream"];

/** The reasons for each cell are in the README of this folder. */
const table: Readonly<Record<Tier, Readonly<Record<"trusted" | "untrusted", Row>>>> = {
  low: {
    trusted: { maxTextBytes: 4 * MIB, contentTypes: ["*"], schemaMismatch: "pass", secrets: "annotate", personalData: "pass", instructions: "pass", hidden: "pass" },
    untrusted: { maxTextBytes: 4 * MIB, contentTypes: documents, schemaMismatch: "annotate", secrets: "redact", personalData: "pass", instructions: "annotate", hidden: "annotate" },
  },
  medium: {
    trusted: { maxTextBytes: 2 * MIB, contentTypes: documents, schemaMismatch: "annotate", secrets: "redact", personalData: "pass", instructions: "annotate", hidden: "annotate" },
    untrusted: { maxTextBytes: 2 * MIB, contentTypes: documents, schemaMismatch: "annotate", secrets: "redact", personalData: "pass", instructions: "annotate", hidden: "annotate" },
  },
  high: {
    trusted: { maxTextBytes: MIB, contentTypes: readable, schemaMismatch: "block", secrets: "redact", personalData: "pass", instructions: "quarantine", hidden: "annotate" },
    untrusted: { maxTextBytes: MIB, contentTypes: readable, schemaMismatch: "block", secrets: "redact", personalData: "annotate", instructions: "quarantine", hidden: "annotate" },
  },
};

/**
 * Pure. What is done to the results of a tool, as the registry says it, and where it says nothing by the server's tier and
 * the tool's trust. `tool` is empty for a resource, for which the registry holds no trust: it counts as untrusted. A server
 * without a tier is taken for one of the middle.
 */
export function handlingFor(entry: ServerEntry, tool: string): ResultPlan {
  const trusted = tool !== "" && toolFacts(entry, tool).trusted;
  const row = table[entry.riskTier ?? "medium"][trusted ? "trusted" : "untrusted"];
  const said = Object.fromEntries(Object.entries(entry.handling).filter(([, value]) => value !== undefined));
  return Object.freeze({ ...row, ...said, trusted, enforced: entry.mode === "enforce" });
}

/** A prompt is text that tells a model what to do, chosen by a person: reading like instructions is what it is for. */
export function promptHandlingFor(entry: ServerEntry): ResultPlan {
  return Object.freeze({ ...handlingFor(entry, ""), instructions: entry.handling.instructions ?? "pass" });
}
