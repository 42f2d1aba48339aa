import type { ReactNode } from "react";
import { count } from "../format.ts";

type Shape = "disc" | "triangle" | "diamond" | "square" | "ring";

/** Drawn, not written: not every machine has a font with these signs. */
const paths: Record<Shape, string> = {
  disc: "M5 1a4 4 0 1 0 .01 0z",
  triangle: "M5 .8 9.4 9H.6z",
  diamond: "M5 .4 9.6 5 5 9.6.4 5z",
  square: "M1.2 1.2h7.6v7.6H1.2z",
  ring: "M5 1a4 4 0 1 0 .01 0zm0 1.7a2.3 2.3 0 1 1-.01 0z",
};

type Tone = "" | "ok" | "bad" | "warn" | "note";

/** A word with a shape and a colour: neither alone carries the meaning. */
const looks: Record<string, readonly [Tone, Shape]> = {
  allow: ["ok", "disc"],
  deny: ["bad", "triangle"],
  hold: ["warn", "diamond"],
  ok: ["ok", "disc"],
  denied: ["bad", "triangle"],
  held: ["warn", "diamond"],
  quarantined: ["note", "square"],
  cancelled: ["", "ring"],
  timeout: ["warn", "diamond"],
  interrupted: ["warn", "diamond"],
  tool_error: ["warn", "diamond"],
  rpc_error: ["warn", "diamond"],
  transport_error: ["bad", "triangle"],
  firing: ["bad", "triangle"],
  pending: ["warn", "diamond"],
  acknowledged: ["note", "square"],
  silenced: ["", "ring"],
  resolved: ["ok", "disc"],
  page: ["bad", "triangle"],
  ticket: ["warn", "diamond"],
  info: ["", "ring"],
  delivered: ["ok", "disc"],
  queued: ["", "ring"],
  failed: ["warn", "diamond"],
  dead: ["bad", "triangle"],
  error: ["bad", "triangle"],
  "on target": ["ok", "disc"],
  "off target": ["warn", "triangle"],
  high: ["bad", "triangle"],
  medium: ["warn", "diamond"],
  low: ["", "ring"],
};

export function Tag({ word, children }: { word: string; children?: ReactNode }) {
  if (!word) return null;
  const [tone, shape] = looks[word] ?? ["", null];
  return (
    <span className={`tag ${tone}`}>
      {shape ? (
        <svg viewBox="0 0 10 10" aria-hidden="true">
          <path d={paths[shape]} fillRule="evenodd" fill="currentColor" />
        </svg>
      ) : null}
      {children ?? word.replaceAll("_", " ")}
    </span>
  );
}

/** Beside the decision of a record that is of more than one. */
export function Attempts({ n }: { n: number }) {
  return n > 1 ? <span className="muted small nowrap"> {count(n)} attempts</span> : null;
}
