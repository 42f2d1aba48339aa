import { describe, expect, it } from "vitest";
import { inputsInWords } from "../../../dashboards/explain-inputs-words.ts";
import { inputsOf, type ControlRow } from "../../../dashboards/explain-inputs.ts";
import { entryText } from "../../../dashboards/explain-registry.ts";

const row = (kind: string, event: object, by = "ben", at_ms: unknown = "1000"): ControlRow => ({ at_ms, by, kind, json: JSON.stringify({ kind, ...event }) });
const call = { producer: "p", agent: "bot", principal: "ana", task_id: "", approval_id: "ap-1", exception_id: "ex-1" };
const approval = { approvalId: "ap-1", message: "m", needed: 1, expiresMs: 5000 };
const words = (c: object, rows: ControlRow[]): string => inputsInWords(inputsOf(c as never, rows), c as never).join("\n");

describe("the inputs of a call", () => {
  it.each<[string, ControlRow[], string]>([
    ["nobody has decided", [], "Nobody has decided it, as far as is recorded."],
    ["a denial", [row("approval.decided", { approvalId: "ap-1", verdict: "deny", comment: "" })], "ben denied it at 1970-01-01T00:00:01.000Z."],
    ["an approval that was not used", [row("approval.decided", { approvalId: "ap-1", verdict: "approve", comment: "ok" })], 'ben approved it at 1970-01-01T00:00:01.000Z: "ok".\nIt was not used, as far as is recorded.'],
    ["a decision about another approval", [row("approval.decided", { approvalId: "ap-2", verdict: "approve" })], "Nobody has decided it"],
  ])("tell of %s", (_what, rows, said) => {
    expect(words({ ...call, exception_id: "" }, [row("approval.requested", { approval }), ...rows])).toContain(said);
  });

  it("tell that an exception was revoked, and by whom", () => {
    const granted = row("exception.granted", { exception: { exceptionId: "ex-1", scope: { agent: "bot" }, reason: "r", breakGlass: false, approvedBy: "olga", expiresMs: 9000 } }, "olga");
    const said = words({ ...call, approval_id: "" }, [granted, row("exception.revoked", { exceptionId: "ex-1" }, "ben", 3000)]);
    expect(said).toContain("olga granted it at 1970-01-01T00:00:01.000Z for agent bot");
    expect(said).toContain("ben revoked it at 1970-01-01T00:00:03.000Z.");
  });

  it("survive events that are not what they should be", () => {
    const odd = ["", "null", "[]", "{", '"x"', '{"approval":7}', '{"approval":{"approvalId":"ap-1","expiresMs":"soon","needed":null}}'];
    const rows = odd.map((json) => ({ at_ms: "x", by: "ben", kind: "approval.requested", json }));
    expect(words(call, rows)).toContain("by an unknown time");
    expect(words({}, [])).toBe("");
  });

  it("leave out arguments that came from nowhere, and do not name a record that another worker wrote", () => {
    const { flow } = inputsOf({ producer: "p", arg_paths: ["/a", "/b", "/c"], arg_flow_from: ["0", "7", "0"], arg_flow_scores: [0, 0, 0.4] }, []);
    expect(flow).toEqual([{ path: "/b", fromCallId: "p-7", score: 0 }, { path: "/c", fromCallId: "", score: 0.4 }]);
  });
});

it("a server's entry is shown as YAML where it was kept whole, and not at all otherwise", () => {
  expect(entryText({ entry: '{"name":"github","tools":{"x":{"effect":"read"}}}' })).toBe("name: github\ntools:\n  x:\n    effect: read\n");
  for (const row of [undefined, {}, { entry: "" }, { entry: "{" }, { entry: "7" }, { entry: null }]) expect(entryText(row)).toBe("");
});
