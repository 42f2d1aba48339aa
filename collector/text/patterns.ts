import type { Segments } from "./segments.ts";
import { classBit } from "./words.ts";

/**
 * Phrasings that address the agent outright. Each runs only over text whose words promise it (`needs`: one class of every
 * group), in lower case and with single spaces, some 900 characters at a time; gaps are bounded, so that the
 * time is linear. `sure`: alone enough to act on. The others are evidence for the model.
 */
export interface Pattern {
  name: string;
  sure: boolean;
  needs: readonly number[];
  expression: RegExp;
}

/** A stretch of neighbouring segments, in bytes. */
const maxPatternText = 640;
/** A lone segment may be longer than that. */
const maxLength = 1600;

const c = classBit;
const verbs = "ignore|disregard|forget|override|bypass|neglect|skip|discard|abandon|dismiss|overlook|set aside|pay no attention to|do not follow|don't follow|stop following|do not obey|cancel";
const orders = "instructions?|prompts?|directions?|guidelines?|rules?|commands?|directives?|orders|constraints?|programming|training|requests?|tasks?|messages?|context|conversations?|objectives?|input";
const machine = "ai|a\\.i\\.|llms?|assistant|assistants|language models?|ai models?|ai agents?|ai assistants?|chatgpt|gpt(?:-?\\d\\S{0,3})?|claude|gemini|llama|copilot|mistral|chatbots?|bots?|agents?|model";

function pattern(name: string, sure: boolean, needs: readonly number[], source: string): Pattern {
  return { name, sure, needs, expression: new RegExp(source.replaceAll("VERBS", verbs).replaceAll("ORDERS", orders).replaceAll("MACHINE", machine)) };
}

export const patterns: readonly Pattern[] = [
  pattern("override-earlier", true, [c.earlier, c.control], String.raw`\b(?:VERBS)(?: \S{1,20}){0,4} (?:previous|prior|earlier|above|preceding|former|foregoing|original|initial)(?: \S{1,20}){0,3} (?:ORDERS)\b`),
  pattern("override-yours", true, [c.control, c.override], String.raw`\b(?:VERBS)(?: all| any| every| of|)(?: of)?(?: the| your| its| other| system| safety| all| developer)+ (?:instructions|prompts?|guidelines|directives|programming|safeguards|system prompt|restrictions)\b`),
  pattern("override-everything", true, [c.override], String.raw`\b(?:ignore|forget|disregard) (?:everything|anything|all)(?: \S{1,20}){0,5} (?:above|before|said|told|previously|prior|so far|earlier)\b`),
  pattern("task-gave-you", true, [c.control, c.you], String.raw`\b(?:tasks?|instructions?|request|question) (?:that )?(?:i|we|the user) (?:gave|have given|assigned|asked|told|provided|sent)(?: to)? you\b`),
  pattern("before-the-task", true, [c.control, c.you], String.raw`\bbefore (?:you (?:can |may |could |are able to |will )?)?(?:do|doing|continue|continuing|complete|completing|answer|answering|solve|solving|proceed|proceeding|finish|finishing|respond|responding|start|starting|help|helping|work|working)(?: \S{1,20}){0,12}[,;:]? (?:please |you (?:must|need|have|should|are required)|do the following|first )`),
  pattern("after-that-continue", true, [c.control, c.you], String.raw`\b(?:after|once|when) (?:you (?:do|did|have done|have|finish|complete|are done)|doing|completing|finishing|that|this)[^.]{0,40}(?:you can|you may|continue|proceed|resume|go back|return)[^.]{0,30}\b(?:solve|original|initial|the task|your task|user's (?:task|request))\b`),
  pattern("important-message", true, [c.urgent, c.you], String.raw`\b(?:important|urgent|critical) (?:message|notice|note|announcement|information|instructions?|request)[^.]{0,60}\bto you\b`),
  pattern("message-to-machine", true, [c.role], String.raw`(?:^|[.!?>"'*#\n-] ?)(?:important |urgent |special |new |secret |hidden |system )*(?:hey|hi|hello|dear|attention|message to|message for|note to|note for|memo to|notice to|listen|instructions? for|instructions? to|command for|request for|todo for|to)(?: all| any| every| the| an?| whichever)* (?:MACHINE)(?:,|:|!| reading| processing| that (?:reads?|sees?|is)| who| -)`),
  pattern("if-you-are-machine", true, [c.role, c.you], String.raw`\b(?:if you are|if you're|since you are|as you are) (?:an?|the) (?:\S{1,20} ){0,2}(?:MACHINE)\b`),
  pattern("new-instructions", true, [c.control], String.raw`\b(?:new|updated|real|actual|true|revised|urgent|hidden|secret) (?:system )?(?:instructions?|tasks?|objectives?|directives?|system prompt|orders|user request|user message|prompt)(?: \S{1,20}){0,4} ?[:=]`),
  pattern("adhere-instead", true, [c.control], String.raw`\b(?:adhere to|follow|obey|comply with|execute|carry out|listen to|do)(?: only| just| exactly| strictly)?(?: \S{1,20}){0,2} (?:following|these|this|my|new|below)(?: \S{1,20}){0,2} (?:instructions?|orders?|commands?|directives?|tasks?)(?: \S{1,20}){0,2} (?:instead|only|immediately|without question|at once|exclusively)\b`),
  pattern("you-are-now", true, [c.you], String.raw`\b(?:you are now|you're now|from now on,? you(?:'re| are| will| must| should)|you are no longer|you will now (?:act|be|behave))(?: (?:an?|in|the|going|free|unrestricted|bound|allowed|\S{1,16})){0,2} (?:assistant|ai|model|agent|bot|mode|dan|restricted|bound|hacker|persona|character|act|respond|obey|follow|ignore)\b`),
  pattern("conceal-from-user", false, [c.people], String.raw`\b(?:do not|don't|never|without|must not|should not|avoid)(?: \S{1,16}){0,2} (?:tell|mention|inform|notify|alert|warn|let|ask|telling|mentioning|informing|notifying|alerting|asking|letting)(?: \S{1,16}){0,5} (?:users?|human|customer|anyone|owner|anybody)\b`),
  pattern("do-not-mention", false, [c.control | c.you | c.secret | c.lead], String.raw`\b(?:do not|don't|never) (?:mention|reveal|disclose|show|say|report|include|display) (?:this|these|that|any of this|anything about)\b`),
  pattern("reveal-prompt", true, [c.control], String.raw`\b(?:reveal|print|show|output|repeat|display|tell|give|leak|disclose|share|send|write)(?: \S{1,16}){0,4} (?:your|the|its|full|entire) (?:system prompt|initial prompt|hidden prompt|original prompt|system message|initial instructions|hidden instructions|secret instructions)\b`),
  pattern("do-first", false, [c.control | c.following | c.urgent], String.raw`\b(?:do|perform|complete|execute|follow|carry out)(?: \S{1,16}){0,2} (?:following|this|these|below)(?: \S{1,16}){0,2} (?:first|instead|immediately|now|task)\b`),
  pattern("part-of-task", false, [c.control, c.you], String.raw`\b(?:as part of|in order to (?:complete|finish|do|solve)|to (?:complete|finish|proceed with|continue with))(?: \S{1,16}){0,5}(?: task| request| query)?,? (?:you (?:also )?(?:must|need|have|should|first)|please|it is necessary)\b`),
  pattern("tool-talk", false, [c.tool, c.you], String.raw`\b(?:before (?:using|calling|you use|you call)|when (?:using|calling|you use|you call)|you (?:must|should|need to)(?: first| also| always)? (?:call|use|invoke|run|read))(?: \S{1,20}){0,5} (?:tools?|function|file|parameter|argument)\b`),
  pattern("pass-as-argument", true, [c.tool], String.raw`\b(?:pass|include|put|provide|send|add) (?:its|the|their|this|these|that|all)(?: \S{1,20}){0,6} (?:as|in|into|via) (?:the )?["'\x60]?\S{1,20}["'\x60]? (?:parameter|argument|field)\b`),
  pattern("end-of-data", true, [c.control | c.people | c.tool], String.raw`\b(?:end|start|beginning) of (?:the )?(?:tool|document|context|email|data|user|website|page|untrusted)(?: \S{1,16}){0,2} (?:output|input|content|context|data|message|results?)\b[^a-z]{0,12}(?:new|now|begin|user|system|the user)`),
  pattern("jailbreak", true, [c.role | c.control | c.you], String.raw`\b(?:developer mode|dan mode|god mode|jailbreak mode|debug mode|unrestricted mode|admin mode)(?: \S{1,16}){0,2} (?:enabled|activated|on|engaged|now)\b|\bdo anything now\b|\b(?:enter|enable|activate|switch to) (?:developer|dan|god|jailbreak|unrestricted) mode\b`),
  pattern("system-says", false, [c.control], String.raw`(?:^|[\n>"'*#\]-] ?)\[?(?:system|admin|administrator|developer|root)(?: (?:message|notice|note|override|alert|command|prompt|update|instruction))?\]? ?[:>]`),
  pattern("must-comply", false, [c.you, c.only | c.control | c.urgent], String.raw`\byou (?:must|have to|are required to|need to)(?: \S{1,16}){0,3} (?:comply|obey|follow|adhere|execute|perform|do)\b`),
  pattern("user-has-approved", false, [c.people], String.raw`\b(?:the )?user (?:has |have )?(?:already )?(?:approved|authorized|authorised|agreed|consented|confirmed|permitted|granted)\b`),
  pattern("send-secrets", false, [c.credential | c.personal | c.money, c.transfer], String.raw`\b(?:send|forward|email|mail|post|upload|submit|transmit|leak|share|exfiltrate|copy)(?: \S{1,30}){1,14} to (?:my |this |the following |our )?(?:email|e-mail|address|url|server|endpoint|number|https?:|www\.|\S{1,40}@\S{1,40}|\S{1,30}\.(?:com|net|org|io|xyz))`),
];

/** Tokens of chat templates, and tags that pose as a turn of the conversation. Searched as bytes, those in angle brackets only where there are such. */
export interface MarkupToken {
  name: "chat-template" | "role-markup" | "turn-marker";
  token: Buffer;
  sure: boolean;
  inBrackets: boolean;
}

const markup = (name: MarkupToken["name"], sure: boolean, tokens: readonly string[]): MarkupToken[] =>
  tokens.map((token) => ({ name, token: Buffer.from(token), sure, inBrackets: token.startsWith("<") }));

export const markupTokens: readonly MarkupToken[] = [
  ...markup("chat-template", true, ["<|im_start|>", "<|im_end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|endoftext|>", "<|start_header_id|>", "<|eot_id|>", "<<SYS>>", "<start_of_turn>", "[INST]", "[/INST]"]),
  ...markup("role-markup", false, ["<INFORMATION>", "<IMPORTANT>", "</IMPORTANT>", "<important>", "<information>", "<SYSTEM>", "<system>", "</system>", "<system_prompt>", "<instructions>", "<INSTRUCTIONS>", "<system-reminder>", "<admin>", "<user_request>"]),
  ...markup("turn-marker", false, ["### Instruction:", "### System:", "### Response:", "\\nHuman:", "\nHuman:", "\\nSystem:", "\nSystem:", "BEGIN SYSTEM"]),
];

/** The text that patterns see: lower case, escapes and white space as single spaces, a line break kept as one. */
export function forPatterns(bytes: Uint8Array, from: number, to: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.min(to - from, maxLength)).toString("utf8");
  return text
    .toLowerCase()
    .replaceAll(/(?:\\+[nrt]|[\s_*])+/g, " ")
    .replaceAll("’", "'")
    .replaceAll(/\\+/g, "");
}

/** As far as text after a segment still belongs to what it says, in bytes. */
const tail = 240;

/**
 * Calls `found` with each pattern (an index into `patterns`) and the segment it begins in. Neighbours are looked at together;
 * of a pattern that is there several times in one stretch only the first is told.
 */
export function findPatterns(bytes: Uint8Array, segments: Segments, found: (segment: number, pattern: number) => void): void {
  for (let s = 0; s < segments.count; ) {
    const from = Math.max(0, segments.start[s]! - 30);
    let last = s;
    let bits = segments.bits[s]!;
    while (last + 1 < segments.count && segments.end[last + 1]! - from <= maxPatternText) bits |= segments.bits[++last]!;
    const to = Math.min(bytes.length, segments.end[last]! + tail);
    for (let next = last + 1; next < segments.count && segments.start[next]! < to; next++) bits |= segments.bits[next]!;
    matchStretch(bytes, from, to, bits, (at) => {
      let segment = s;
      while (segment < last && segments.start[segment + 1]! <= at) segment++;
      return segment;
    }, found);
    s = last + 1;
  }
}

function matchStretch(bytes: Uint8Array, from: number, to: number, bits: number, segmentAt: (byte: number) => number, found: (segment: number, pattern: number) => void): void {
  let text: string | undefined;
  for (let i = 0; i < patterns.length; i++) {
    const { needs, expression } = patterns[i]!;
    if (!needs.every((group) => (bits & group) !== 0)) continue;
    text ??= forPatterns(bytes, from, to);
    const match = expression.exec(text);
    // Escapes and runs of spaces shrink; the middle of the match is put where it would be had they shrunk evenly.
    if (match !== null) found(segmentAt(from + ((match.index + match[0].length / 2) * (to - from)) / text.length), i);
  }
}
