import { expect, it } from "vitest";
import { refuseStep, type IncidentEvent } from "../../../alerts/incidents/steps.ts";

const now = Date.UTC(2026, 2, 2, 12);
const step = (s: IncidentEvent["step"], over: Partial<IncidentEvent> = {}) => ({ step: s, occurredAtMs: now, recordedAtMs: now, cause: "", callIds: [] as string[], ...over });
const opened = [step("opened"), step("detected")];

it.each([
  ["a step of an incident that nobody opened", [], step("note"), /no such incident/],
  ["opening twice", opened, step("opened"), /open already/],
  ["another time of detection", opened, step("detected"), /does not change/],
  ["a cause without words", opened, step("cause_identified", { callIds: ["p-1"] }), /words/],
  ["a cause without evidence", opened, step("cause_identified", { cause: "a misled agent" }), /evidence/],
  ["a step in the future", opened, step("note", { occurredAtMs: now + 3600_000 }), /future/],
  ["reopening what is not resolved", opened, step("reopened"), /not resolved/],
] as const)("refuses %s", (_, existing, next, why) => expect(refuseStep(existing, next)).toMatch(why));

it("lets the usual steps follow each other, and late entries be made", () => {
  const done = [...opened];
  for (const s of [step("acknowledged"), step("investigation_started"), step("cause_identified", { cause: "a misled agent", callIds: ["p-1"] }), step("resolved", { occurredAtMs: now - 1000 }), step("reopened")]) {
    expect(refuseStep(done, s)).toBeNull();
    done.push(s);
  }
});
