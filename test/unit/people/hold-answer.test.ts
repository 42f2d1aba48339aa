import { describe, expect, it } from "vitest";
import { holdAnswer, unwrapRound, type Held } from "../../../proxy/people/hold-answer.ts";
import { parseMessage, serialize, type JsonObject, type Message } from "../../../proxy/transport/envelope.ts";
import { ben, Desk, request } from "./control.ts";

const capabilities = (elicitation: unknown) => ({ _meta: { "io.modelcontextprotocol/clientCapabilities": { elicitation } } });
const call = (more: JsonObject = {}) => ({ name: "create_issue", arguments: { title: "x" }, ...more });

function held(over: Partial<Held> = {}, effect = "write"): Held {
  const desk = new Desk();
  const approval = desk.state.approvals.get(request(desk, { effect }))!;
  return { method: "tools/call", modern: true, params: call(capabilities({})), approval, callId: "proxy-1-7", message: "Writes need a second pair of eyes.", answered: "", ...over };
}
const resultOf = (h: Held): any => {
  const answer = holdAnswer(h);
  if (answer.kind !== "result") throw new Error(answer.message);
  return answer.result;
};
const message = (params: JsonObject): Message => {
  const parsed = parseMessage(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params })));
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.message;
};

describe("a held call of an old-era client", () => {
  it("gets a tool result that names the approval, who decides, by when, and what to do", () => {
    const result = resultOf(held({ modern: false }));
    expect(result).toEqual({ isError: true, content: [{ type: "text", text: expect.any(String) }] });
    expect(result.content[0].text.split("\n")).toEqual([
      "Held by policy: Writes need a second pair of eyes.",
      "Approval ap-1 is pending: a person with the role approver has to agree by 2026-03-02T10:00:00.000Z, or it is denied. The call was not forwarded.",
      "Repeat the very same call later: it goes through once when it is approved.",
      "Call id: proxy-1-7.",
    ]);
  });

  it("says how many people are still missing", () => {
    expect(JSON.stringify(holdAnswer(held({ modern: false }, "destructive")))).toContain("2 different people with the role approver have to agree");
    const desk = new Desk();
    const id = request(desk, { effect: "destructive" });
    desk.submit({ kind: "approval.decide", approvalId: id, verdict: "approve" }, ben);
    expect(JSON.stringify(holdAnswer(held({ modern: false, approval: desk.state.approvals.get(id)! })))).toContain("a person with the role approver has to agree");
  });

  it("gets an error with the approval's id where its method has no such result", () => {
    expect(holdAnswer(held({ modern: false, method: "resources/read" }))).toMatchObject({ kind: "error", code: 40303, data: { reason: "approval_required", approvalId: "ap-1", callId: "proxy-1-7" } });
  });
});

describe("a held call of a new-era client", () => {
  it.each<[string, unknown, string | undefined, string | null]>([
    ["that declared elicitation without a mode", {}, undefined, "form"],
    ["that declared forms", { form: {} }, undefined, "form"],
    ["that declared forms and URLs, where there is no page", { form: {}, url: {} }, undefined, "form"],
    ["that declared URLs, where there is a page", { form: {}, url: {} }, "https://console.example/approvals/ap-1", "url"],
    ["that declared URLs alone, where there is no page", { url: {} }, undefined, null],
    ["that declared forms alone, where there is a page", { form: {} }, "https://console.example/approvals/ap-1", "form"],
    ["that declared no elicitation", undefined, undefined, null],
  ])("%s gets a round in the mode that it knows, or text", (_client, elicitation, url, mode) => {
    const result = resultOf(held({ params: call(capabilities(elicitation)), url }));
    if (mode === null) return expect(result).toMatchObject({ resultType: "complete", isError: true });
    expect(result).toMatchObject({ resultType: "input_required", requestState: expect.any(String) });
    expect(result.inputRequests.signalbox_approval).toMatchObject({ method: "elicitation/create", params: { mode, message: expect.stringContaining("ap-1") } });
    expect(result.inputRequests.signalbox_approval.params.url).toBe(mode === "url" ? url : undefined);
  });

  it("gets no round for a method that has none", () => {
    expect(holdAnswer(held({ method: "completion/complete" }))).toMatchObject({ kind: "error" });
    expect(holdAnswer(held({ method: "prompts/get" }))).toMatchObject({ kind: "result", result: { resultType: "input_required" } });
  });

  it("gets text when it answers the round before anybody has decided, so that no client asks without end", () => {
    for (const answered of ["accept", "decline", "cancel"] as const) expect(resultOf(held({ answered }))).toMatchObject({ resultType: "complete", isError: true });
  });

  it("gets text where its own state is too long to be sent back and forth", () => {
    expect(resultOf(held({ params: call({ ...capabilities({}), requestState: "s".repeat(70_000) }) }))).toMatchObject({ resultType: "complete" });
  });
});

describe("the answer to a round", () => {
  it.each<[string, JsonObject]>([
    ["a plain call", {}],
    ["a call in the middle of a round with the server", { inputResponses: { who: { action: "accept", content: { name: "octocat" } } }, requestState: "opaque-Ü" }],
  ])("of %s becomes the call as it was first made", (_what, more) => {
    const first = message(call({ ...capabilities({}), ...more }));
    const { requestState } = resultOf(held({ params: first.params }));
    const retry = message(call({ ...capabilities({}), requestState, inputResponses: { signalbox_approval: { action: "accept" } } }));
    const unwrapped = unwrapRound(retry);
    expect(unwrapped.answered).toBe("accept");
    expect(JSON.parse(serialize(unwrapped.message))).toEqual(JSON.parse(serialize(first)));
    expect(unwrapped.message.params).toEqual(first.params);
  });

  it("tells a refusal of the user apart", () => {
    const { requestState } = resultOf(held());
    const answered = (response: unknown) => unwrapRound(message(call({ requestState, inputResponses: { signalbox_approval: response } }))).answered;
    expect(["decline", "cancel", "shout"].map((action) => answered({ action }))).toEqual(["decline", "cancel", "cancel"]);
    expect(answered(null)).toBe("cancel");
  });

  it("leaves every other message as it is", () => {
    for (const params of [call(), call({ requestState: "the server's own", inputResponses: { a: 1 } }), call({ requestState: 7 })]) {
      const m = message(params);
      expect(unwrapRound(m)).toEqual({ message: m, answered: "" });
    }
  });

  it("makes of a state that somebody else wrote a plain call and nothing worse", () => {
    for (const forged of ["", "!!!", Buffer.from("null").toString("base64url"), Buffer.from('{"requestState":{"a":1},"name":"delete_repo","inputResponses":[1]}').toString("base64url")]) {
      expect(unwrapRound(message(call({ requestState: `signalbox-hold.1.${forged}` }))).message.params).toEqual(call());
    }
  });
});
