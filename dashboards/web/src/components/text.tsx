import type { ReactNode } from "react";

const invisible = /([\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}])/u;

/** In a block of text, line ends and tabs are what they seem. */
const invisibleButLines = new RegExp(invisible.source.replace("\\u0000-\\u001f", "\\u0000-\\u0008\\u000b-\\u001f"), "u");

/**
 * Text that somebody else wrote: agents, servers, callers. Always text, never markup; characters that hide, or that turn
 * the direction of what surrounds them, are shown by their code point.
 */
export function Foreign({ text, empty = "\u2013", lines = false }: { text: unknown; empty?: string; lines?: boolean }): ReactNode {
  const value = typeof text === "string" ? text : text === null || text === undefined ? "" : String(text);
  if (value === "") return <span className="muted">{empty}</span>;
  const parts = value.split(lines ? invisibleButLines : invisible);
  if (parts.length === 1) return <bdi>{value}</bdi>;
  return (
    <bdi>
      {parts.map((part, i) =>
        i % 2 === 0 ? (
          part
        ) : (
          <span className="ctl" key={i} title="a character that can't be seen">
            U+{part.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}
          </span>
        ),
      )}
    </bdi>
  );
}
