import type { ScoredSpan } from "./values.ts";

/**
 * What a sentence counts that tells somebody to do something, where the scanner sees nothing in it: little for a text,
 * which is full of such sentences, and much for a value that stands in one and then turns up in a write.
 */
export const DIRECTIVE = 0.4;
const MAX_LENGTH = 240;
/** More are joined into the last. */
const MAX_DIRECTIVES = 1024;

/** What agents are made to do with a party: give it something, let it in, go there, change or remove something. */
const verbs =
  "accept|activate|add|allow|append|apply|arrange|assign|attach|authori[sz]e|buy|cancel|click|clone|configure|connect|create|deactivate|delete|deliver|deploy|disable|donate|download|enable|enter|erase|execute|fetch|follow|forward|get|give|go|grant|inform|insert|install|invite|join|launch|leave|make|modify|navigate|notify|open|overwrite|pay|provide|publish|put|redirect|register|reimburse|remove|rename|reply|respond|retrieve|revoke|run|save|sell|send|ship|stop|store|submit|subscribe|switch|tell|turn|uninstall|unlock|unsubscribe|update|upgrade|upload|verify|visit|whitelist|withdraw|write";
/** At the beginning of a line these are nouns as often ("Order 5021", "Purchase at ..."): what follows decides. */
const nouns =
  "approve|book|browse|call|change|commit|contact|copy|deposit|direct|e-?mail|export|file|import|issue|load|log|mail|message|move|order|place|point|post|pull|purchase|push|query|read|refund|release|replace|report|request|reserve|reset|return|schedule|search|set|settle|share|sign|start|sync|tag|transfer|trigger|tweet|use|view|wire";
const object = "(?:an?|the|my|your|our|their|his|her|all|this|that|these|those|any|every|each|both|some|it|them|me|us|everything|money|funds|to|for|access)\\b|[$€£\"'#@/<(\\[]|\\d+(?:[.,]\\d+)* ?(?:[$€£%]|(?:usd|eur|gbp|dollars?|euros?|pounds?|btc|eth|bitcoins?|units|shares|coins|credits)\\b)";
const command = `(?:(?:${verbs})(?=\\s+[A-Za-z\\d$€£"'#@/<(\\[\\u00c0-\\uffff])|(?:${nouns})(?=\\s+(?:${object})))`;
const VERB = new RegExp(`\\b${command}`, "gi");
/** In text whose line ends are escaped a verb may follow the letter of an escape. Twice as slow. */
const VERB_ESCAPED = new RegExp(`(?:\\b|(?<=\\\\[nrt]))${command}`, "gi");

/** What may stand before the verb of a command, up to the beginning of its sentence or clause. */
const LEAD = /(?:^|[.!?:;,\n"'“‘>)\]*•|}-]|\\[nrt])\s*(?:(?:and|then|also|now|first|next|finally|just|please|kindly|immediately|urgently|quickly|so|to do so)[\s,]+)*$/i;
const ASKED = /\b(?:please|kindly|you (?:must|should|need to|have to|will|shall|can now|are to)|(?:want|need|ask|would like|require|instruct) you to|(?:make sure|be sure|remember|don'?t forget|do not forget|proceed|go ahead|necessary|required) (?:to|and|you)|let'?s|could you|can you|would you)(?:\s+(?:also|then|now|immediately|first|please|just|kindly))*\s+$/i;
const BEFORE = 48;
const END = /[.!?](?:\s|$|["'\\])|\n\s*\n/;

/** The sentences of a text that are commands, from their verb on, as spans of equal score. Linear in the text. */
export function findDirectives(text: string): ScoredSpan[] {
  const found: ScoredSpan[] = [];
  const verb = text.includes("\\") ? VERB_ESCAPED : VERB;
  verb.lastIndex = 0;
  for (let match = verb.exec(text); match !== null; match = verb.exec(text)) {
    const before = text.slice(Math.max(0, match.index - BEFORE), match.index);
    if (!LEAD.test(before) && !ASKED.test(before)) continue;
    const sentence = text.slice(match.index, match.index + MAX_LENGTH);
    const stop = match.index + (END.exec(sentence)?.index ?? sentence.length);
    found.push({ start: match.index, end: stop, score: DIRECTIVE });
    if (found.length >= MAX_DIRECTIVES) {
      found.push({ start: stop, end: text.length, score: DIRECTIVE });
      break;
    }
    verb.lastIndex = Math.max(verb.lastIndex, stop);
  }
  return found;
}
