import { MAX_MATCHES, type Match } from "./match.ts";
import { gate } from "./gates.ts";

const LOCAL = /[A-Za-z0-9._%+\-]/;
const DOMAIN = /[A-Za-z0-9.-]/;
const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;

/** Every e-mail address, phone number, card, IBAN and US social security number that `gates` do not rule out. Linear in the text's length. */
export function findPersonal(text: string, gates: number): Match[] {
  const found: Match[] = [];
  if (gates & gate.email) findEmails(text, found);
  if (gates & gate.number) {
    findIbans(text, found);
    findNumbers(text, found);
  }
  return found;
}

/** From each @ outwards, by hand: an expression would begin anew at every character of a long word. */
function findEmails(text: string, found: Match[]): void {
  for (let at = text.indexOf("@"); at >= 0 && found.length < MAX_MATCHES; at = text.indexOf("@", at + 1)) {
    let start = at;
    while (start > 0 && at - start < MAX_LOCAL && LOCAL.test(text[start - 1]!)) start--;
    let end = at + 1;
    while (end < text.length && end - at <= MAX_DOMAIN && DOMAIN.test(text[end]!)) end++;
    while (end > at && /[.-]/.test(text[end - 1]!)) end--;
    while (start < at && text[start] === ".") start++;
    const domain = text.slice(at + 1, end);
    const dot = domain.lastIndexOf(".");
    if (start === at || dot <= 0 || domain.includes("..") || !/^[A-Za-z]{2,24}$/.test(domain.slice(dot + 1))) continue;
    found.push({ start, end, kind: "email" });
  }
}

/** Lengths by country, ISO 13616: a number that only looks like one seldom has the right length and the right checksum. */
const ibanLengths: Readonly<Record<string, number>> = Object.fromEntries(
  "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TN24 TR26 UA29 VG24 XK20"
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}/g;

function findIbans(text: string, found: Match[]): void {
  IBAN.lastIndex = 0;
  for (let match = IBAN.exec(text); match !== null && found.length < MAX_MATCHES; match = IBAN.exec(text)) {
    const length = ibanLengths[match[0].slice(0, 2)];
    const end = length === undefined ? 0 : endOfDigits(match[0], length);
    const after = match.index + end;
    if (end > 0 && !/[A-Za-z0-9]/.test(text[after] ?? "") && hasIbanChecksum(match[0].slice(0, end).replace(/[ -]/g, ""))) {
      found.push({ start: match.index, end: after, kind: "iban" });
      IBAN.lastIndex = after;
    } else IBAN.lastIndex = match.index + 4;
  }
}

/** Where the given count of letters and digits ends, spaces and hyphens left out; 0 where there are fewer. */
function endOfDigits(text: string, count: number): number {
  let seen = 0;
  for (let i = 0; i < text.length; i++) if (text[i] !== " " && text[i] !== "-" && ++seen === count) return i + 1;
  return 0;
}

/** ISO 7064, modulo 97. */
function hasIbanChecksum(iban: string): boolean {
  let rest = 0;
  for (const char of iban.slice(4) + iban.slice(0, 4)) {
    const value = parseInt(char, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

const NUMBER = /(?<![A-Za-z0-9_.])(?:\+|\(|\+\()?\d(?:[ .()-]{0,2}\d){6,21}(?![A-Za-z0-9_])/g;
const SSN_CONTEXT = /\b(?:ssn|social[ _-]?security)/i;
const PHONE_CONTEXT = /\b(?:phone|tel|telephone|mobile|cell|fax|call|whatsapp|sms)\b/i;
const CONTEXT = 40;

/** Runs of digits with the signs that people put between them, told apart by how they are grouped. */
function findNumbers(text: string, found: Match[]): void {
  NUMBER.lastIndex = 0;
  for (let match = NUMBER.exec(text); match !== null && found.length < MAX_MATCHES; match = NUMBER.exec(text)) {
    const kind = numberKind(match[0], () => text.slice(Math.max(0, match!.index - CONTEXT), match!.index));
    if (kind !== null) found.push({ start: match.index, end: match.index + match[0].length, kind });
  }
}

function numberKind(written: string, before: () => string): string | null {
  const digits = written.replace(/\D/g, "");
  if (isCard(written, digits)) return "credit_card";
  if (/^\d{3}[- ]\d{2}[- ]\d{4}$/.test(written) && isAssignableSsn(digits)) return SSN_CONTEXT.test(before()) ? "us_ssn" : null;
  if (written.startsWith("+") || written.startsWith("(+")) return digits.length >= 8 && digits.length <= 15 ? "phone" : null;
  if (/^(?:1[ .-])?\(?[2-9]\d{2}\)?[ .-]{1,2}[2-9]\d{2}[ .-]\d{4}$/.test(written)) return "phone";
  return digits.length >= 9 && digits.length <= 13 && /^0|\(/.test(written) && PHONE_CONTEXT.test(before()) ? "phone" : null;
}

/** Card networks' prefixes and lengths, groups of four as on a card (or 4-6-5), and Luhn's checksum. */
function isCard(written: string, digits: string): boolean {
  if (digits.length < 13 || digits.length > 19) return false;
  if (!/^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12})$/.test(digits)) return false;
  if (!/^\d+$|^\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}$|^\d{4}([ -])\d{6}\2\d{4,5}$/.test(written)) return false;
  return hasLuhnChecksum(digits) && !/^(\d)\1+$/.test(digits);
}

function hasLuhnChecksum(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9;
  }
  return sum % 10 === 0;
}

const isAssignableSsn = (digits: string): boolean => !/^(?:000|666|9)|^\d{3}00|0000$/.test(digits);
