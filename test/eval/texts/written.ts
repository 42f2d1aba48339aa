import type { LabelledText } from "./data.ts";
import { expand, seeded } from "./grammar.ts";
import { instructions } from "./instructions.ts";
import { ordinary } from "./ordinary.ts";

type Frame = (before: string, inner: string, after: string) => [head: string, tail: string];

const esc = (text: string): string => JSON.stringify(text).slice(1, -1);
/** Where a sentence may stand: the head and tail are the data around it. */
const frames: readonly Frame[] = [
  (b, _, a) => [`${b} `, ` ${a}`],
  (b, _, a) => [`${b}\n`, `\n${a}`],
  (b) => [`${b}\n`, ""],
  (_, __, a) => ["", `\n${a}`],
  (b, _, a) => [`{"id": 17, "title": "${esc(b)}", "body": "`, `", "note": "${esc(a)}"}`],
  () => [`[{"name": "Item 4", "description": "`, `", "price": 20.5, "tags": ["a", "b"]}]`],
  () => [`{'results': [{'user': 'kim', 'rating': 4, 'content': '`, `'}]}`],
  () => [`{'snippet': '`, `'}`],
  (b) => [`- amount: 20.0\n  date: '2022-01-01'\n  subject: ${b}\n- amount: 10.0\n  subject: `, `\n  recipient: CH93\n`],
  () => ["| Year | Name | Place |\n| 1990 | Anna | Oslo |\n", "\n| 1991 | Bert | Rome |\n| 1992 | Carla | Bonn |"],
  () => ["", "\n| Rank | Team | Points |\n| 1 | Reds | 20 |"],
  () => ["| Rank | Team | Points |\n| 1 | Reds | 20 |\n| 2 | Blues | 18 |\n", ""],
  (b, _, a) => [`From: Kim\nSubject: ${b}\n\nHi Sam,\n${a}\n`, `\nBest,\nKim`],
  (b, _, a) => [`Rating: 4\\nReviews: ${b}\\n`, `\\n${a}\\n`],
  (b, _, a) => [`<p>${b}</p><p>`, `</p><p>${a}</p>`],
  (b, _, a) => [`# Title\n\n${b}\n\n`, `\n\n- ${a}\n`],
];

const snippets = ["```\nimport os\nprint(os.listdir('.'))\n```", "```\nx = load()\nsend(x)\n```", "```\nfor i in range(3):\n    run(i)\n```"];

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Sentences from the two grammars in frames, half of them benign. Written for this project, in
 * knowledge of what has been published on such attacks; no sentence is a benchmark's. */
export function writtenTexts(count = 4800, seed = 7): LabelledText[] {
  const random = seeded(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const out: LabelledText[] = [];
  const put = (label: LabelledText["label"], inner: string): void => {
    const [head, tail] = pick(frames)(expand(ordinary, "any", random), inner, expand(ordinary, "any", random));
    const escaped = head.startsWith("{\"") || head.startsWith("[{") ? esc(inner) : inner;
    const row: LabelledText = { id: `w-${out.length}`, source: "written", family: "written", context: "written", text: head + escaped + tail, label };
    if (label === "injection") row.span = [head.length, head.length + escaped.length];
    out.push(row);
  };
  for (let i = 0; i < count; i++) {
    const instruction = capital(expand(instructions, "any", random));
    put("injection", instruction.endsWith(":") ? `${instruction}\n${pick(snippets)}` : instruction);
    const lines = Array.from({ length: 1 + Math.floor(random() * 4) }, () => expand(ordinary, "any", random));
    put("benign", lines.join(pick([" ", "\n", "\n- "])));
    // A request for words that is the whole text is what a person said, not what was planted; a request to act may be either.
    if (i % 8 === 4) {
      const text = capital(expand(instructions, pick(["act", "leak"]), random));
      out.push({ id: `w-${out.length}`, source: "written", family: "alone", context: "written", text, label: "injection", span: [0, text.length] });
    }
    if (i % 8 === 0) out.push({ id: `w-${out.length}`, source: "written", family: "alone", context: "written", text: expand(instructions, pick(["content", "ask"]), random), label: "benign" });
  }
  return out;
}
