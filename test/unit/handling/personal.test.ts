import { expect, test } from "vitest";
import { gate, gatesOf } from "../../../proxy/handling/gates.ts";
import { redacted, settled } from "../../../proxy/handling/match.ts";
import { findPersonal } from "../../../proxy/handling/personal.ts";
import { growth, repeated } from "../../support/growth.ts";

const all = gate.email | gate.number;
const kindsIn = (text: string): string[] => settled(findPersonal(text, all)).map((match) => match.kind);

for (const [text, kind] of [
  ["write to jane.doe+work@mail.example.co.uk.", "email"],
  ["mailto:a@b.io", "email"],
  ["call +49 30 901820 today", "phone"],
  ["call +1 (415) 555-2671", "phone"],
  ["(415) 555-2671", "phone"],
  ["415-555-2671", "phone"],
  ["phone: 030 90182-0123", "phone"],
  ["card 4111 1111 1111 1111 exp 12/30", "credit_card"],
  ["5555555555554444", "credit_card"],
  ["3782 822463 10005", "credit_card"],
  ["pay to GB29 NWBK 6016 1331 9268 19 please", "iban"],
  ["IBAN DE89370400440532013000.", "iban"],
  ["SSN: 219-09-9999", "us_ssn"],
  ["social security number 219 09 9999", "us_ssn"],
] as const) {
  test(`${kind} is found in ${JSON.stringify(text)}, and its gate opens`, () => {
    expect(kindsIn(text)).toEqual([kind]);
    expect(gatesOf(Buffer.from(JSON.stringify({ text }))) & all).not.toBe(0);
  });
}

for (const text of [
  "2026-01-12T10:11:12.123Z",
  "2026-01-12 10:11:12",
  "1700000000000 and 1700000000",
  "version 1.2.3.4-20240101",
  "192.168.100.200",
  "card 4111 1111 1111 1112",
  "GB29 NWBK 6016 1331 9268 18",
  "219-09-9999 is a part number",
  "order 123-45-6789-22",
  "user@localhost and @mention, a @ b",
  "0xdeadbeef1234567890",
  "550e8400-e29b-41d4-a716-446655440000",
  "4.111111111111111",
  "$1,234,567.89",
  "12345678901234567890123456789",
]) {
  test(`nobody is found in ${JSON.stringify(text)}`, () => {
    expect(kindsIn(text)).toEqual([]);
  });
}

test("what was found is taken out and nothing else", () => {
  const text = "Jane <jane@example.com>, +49 30 901820, 4111-1111-1111-1111.";
  expect(redacted(text, settled(findPersonal(text, all)))).toBe("Jane <⟦redacted:email⟧>, ⟦redacted:phone⟧, ⟦redacted:credit_card⟧.");
});

test("hostile text takes no time that grows faster than it", () => {
  for (const unit of ["a", "a@", "@", "1", "1 ", "1-", "DE89", "DE89 ", "+1", "a.", "(1"]) {
    const grown = growth((length) => {
      const text = repeated(unit, length);
      return () => findPersonal(text, all);
    });
    expect(grown, unit).toBeLessThan(30);
  }
});
