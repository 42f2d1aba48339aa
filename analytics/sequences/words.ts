import { start, type Transition } from "../score/sequence-model.ts";

/** `mail/read (read)`, with how it ended where that was not ok: `mail/read (read, timeout)`. */
export function callWords(call: string): string {
  const at = call.lastIndexOf("/");
  return at < 0 ? call : `${call.slice(0, at)} (${call.slice(at + 1).replace("!", ", ")})`;
}

/** Where a transition starts: the calls before, oldest first. */
export function contextWords(context: string): string {
  if (context === "") return "Whatever came before";
  if (context === start) return "As their first call";
  const calls = context.split("\n");
  const first = calls[0] === start ? "At the start, after " : "After ";
  return first + calls.filter((call) => call !== start).map(callWords).join(", ");
}

/** The transition in words: what usually comes there, and what came now. */
export function transitionWords(className: string, { context, next, seen, of, usually }: Transition, inClass: number): string {
  const whose = className.startsWith("agent:") ? `tasks of agent ${className.slice("agent:".length)}` : `tasks of class ${className}`;
  const others = usually.filter((u) => u.next !== next).slice(0, 3);
  const usual = others.map((u, i) => `${callWords(u.next)} in ${u.count}${i === 0 ? ` of ${of} cases` : ""}`).join(", ");
  const known = others.length === 0 ? `${contextWords(context)} nothing else is known of ${whose}` : `${contextWords(context)} ${whose} go on with ${usual}`;
  const elsewhere = seen === 0 ? `, and ${inClass === 0 ? "never" : `${inClass} times`} anywhere in the class` : "";
  return `${known}; here it called ${callWords(next)}, seen ${seen} times there${elsewhere}.`;
}
