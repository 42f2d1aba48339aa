import { expect, test } from "vitest";
import { parseMessage, serialize } from "../../../proxy/transport/envelope.ts";

const parse = (text: string) => parseMessage(Buffer.from(text));
const call = (args: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${args}}}`;

test("a request, a notification and a response are told apart", () => {
  expect(parse('{"jsonrpc":"2.0","id":"a","method":"ping"}')).toMatchObject({ ok: true, message: { kind: "request", id: "a", method: "ping" } });
  expect(parse('{"jsonrpc":"2.0","method":"notifications/initialized"}')).toMatchObject({ ok: true, message: { kind: "notification", id: null } });
  expect(parse('{"jsonrpc":"2.0","id":1,"result":{}}')).toMatchObject({ ok: true, message: { kind: "response", method: "response" } });
});

for (const [what, text, code] of [
  ["no JSON", "{", -32700],
  ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600],
  ["another version of JSON-RPC", '{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
  ["a null id", '{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
  ["an id that is no integer", '{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600],
  ["an id that no record can hold", '{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', -32600],
  ["a method that no record can hold", '{"jsonrpc":"2.0","id":1,"method":"\\udc00"}', -32600],
  ["params that are a list", '{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32602],
  ["neither method nor answer", '{"jsonrpc":"2.0","id":1}', -32600],
  ["result and error at once", '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600],
  ["a number that is infinite", call('{"n":1e999}'), -32602],
  ["nesting without end", call(`{"a":${"[".repeat(200)}${"]".repeat(200)}}`), -32600],
  ["nesting that would overflow the stack", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, -32600],
] as const) {
  test(`${what} is refused`, () => expect(parse(text)).toMatchObject({ ok: false, fault: { code } }));
}

test("bytes that are no UTF-8 are refused, because two parsers may read them differently", () => {
  const bytes = Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'), Buffer.of(0xff), Buffer.from('"}')]);
  expect(parseMessage(bytes)).toMatchObject({ ok: false, fault: { code: -32700 } });
});

test("of a member that occurs twice only the one that was judged is forwarded", () => {
  const parsed = parse('{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"a","name":"b"}}');
  if (!parsed.ok) throw new Error("not parsed");
  expect(parsed.message.method).toBe("ping");
  expect(serialize(parsed.message)).toBe('{"jsonrpc":"2.0","id":1,"method":"ping","params":{"name":"b"}}');
});

test("an integer beyond 2^53 is judged and forwarded digit by digit", () => {
  const text = call('{"id":9007199254740993,"list":[-123456789012345678901],"f":0.1,"e":1e3}');
  const parsed = parse(text);
  if (!parsed.ok) throw new Error("not parsed");
  expect(parsed.message.params).toMatchObject({ arguments: { id: 9007199254740993n, f: 0.1 } });
  expect(serialize(parsed.message)).toBe(text.replace("1e3", "1000"));
});
