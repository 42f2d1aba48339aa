import { describe, expect, it } from "vitest";
import { EngineException, httpStatus, toException } from "../../../collector/engine/exceptions.ts";
import { checkMachine } from "../../../collector/engine/preflight.ts";
import { effectiveSettings, readParameters, setStatement } from "../../../collector/engine/settings.ts";
import { createSlots } from "../../../collector/engine/slots.ts";
import { authenticate, readCredentials, refuseBrowsers } from "../../../collector/engine/users.ts";

const LIMITS = { maxExecutionTimeS: 30, maxMemoryBytes: 1000, maxResultRows: 100, maxResultBytes: 5000, maxRowsToRead: 900 };
const FULL = { name: "default", password: "secret", access: "full" as const };
const READER = { name: "reader", password: "", access: "readonly" as const };

describe("a request's URL", () => {
  it("is sorted into what the front, the bindings and the engine get", () => {
    const url = "query=SELECT+1&query_id=q&database=d&default_format=CSV&param_x=1&max_threads=2&wait_end_of_query=1&role=r";
    const parameters = readParameters(new URLSearchParams(url), "signalbox");
    expect(parameters).toMatchObject({ query: "SELECT 1", queryId: "q", database: "d", defaultFormat: "CSV", waitEndOfQuery: true });
    expect([parameters.bindings, parameters.settings]).toEqual([[["x", "1"]], [["max_threads", "2"]]]);
  });

  it("may not name a setting that is SQL, nor one that is denied", () => {
    expect(() => readParameters(new URLSearchParams({ "a=1, readonly": "0" }), "d")).toThrow(/Unknown setting/);
    expect(() => readParameters(new URLSearchParams({ "param_a b": "0" }), "d")).toThrow(/Unknown setting/);
    expect(() => readParameters(new URLSearchParams({ dialect: "prql" }), "d")).toThrow(/dialect/);
  });

  it("becomes one SET whose values cannot leave their quotes", () => {
    expect(setStatement([], [])).toBeUndefined();
    expect(setStatement([["a", "1', readonly = '0"]], [["p", "x\\'"]])).toBe("SET param_p = 'x\\\\\\'', a = '1\\', readonly = \\'0'");
  });
});

describe("settings of a read-only user", () => {
  const of = (asked: [string, string][]): Record<string, string> => Object.fromEntries(effectiveSettings(asked, READER, LIMITS, false));

  it("end with the limits and readonly=1, whatever was asked", () => {
    const names = effectiveSettings([["log_comment", "x"], ["readonly", "0"]], READER, LIMITS, false).map(([name]) => name);
    expect(names.at(-1)).toBe("readonly");
    expect(names[0]).toBe("log_comment");
    expect(of([["readonly", "0"]])).toMatchObject({ readonly: "1", max_result_rows: "100" });
  });

  it.each([["0", "100"], ["1000", "100"], ["-5", "100"], ["x", "100"], ["50", "50"]])("max_result_rows=%s gives %s", (asked, given) => {
    expect(of([["max_result_rows", asked]]).max_result_rows).toBe(given);
  });

  it.each(["max_bytes_to_read", "allow_ddl", "format_schema_x", "max_partitions_to_read"])("cannot be %s", (name) => {
    expect(() => of([[name, "1"]])).toThrow(/readonly mode/);
  });

  it("are the full user's own, and a GET only adds readonly=2", () => {
    expect(effectiveSettings([["a", "1"]], FULL, LIMITS, false)).toEqual([["a", "1"]]);
    expect(effectiveSettings([["a", "1"]], FULL, LIMITS, true)).toEqual([["a", "1"], ["readonly", "2"]]);
  });
});

describe("credentials", () => {
  it("come from ClickHouse's headers, then Basic, then the URL", () => {
    const basic = `Basic ${Buffer.from("b:p:q").toString("base64")}`;
    const url = { user: "u", password: "w" };
    const own = { "x-clickhouse-user": "h", "x-clickhouse-key": "k", authorization: basic };
    expect(readCredentials(own, url)).toEqual({ name: "h", password: "k" });
    expect(readCredentials({ authorization: basic }, url)).toEqual({ name: "b", password: "p:q" });
    expect(readCredentials({}, url)).toEqual({ name: "u", password: "w" });
    expect(readCredentials({}, {})).toEqual({ name: "default", password: "" });
  });

  it("are refused alike for an unknown name and a wrong password", () => {
    expect(authenticate([FULL, READER], { name: "reader", password: "" })).toBe(READER);
    for (const given of [{ name: "default", password: "" }, { name: "nobody", password: "" }]) {
      expect(() => authenticate([FULL, READER], given)).toThrow(/Authentication failed/);
    }
  });

  it("that are empty are for local programs only", () => {
    expect(() => refuseBrowsers({ host: "127.0.0.1:8123" })).not.toThrow();
    expect(() => refuseBrowsers({ host: "[::1]:8123" })).not.toThrow();
    expect(() => refuseBrowsers({ host: "evil.example:8123" })).toThrow();
    expect(() => refuseBrowsers({ host: "localhost", origin: "http://localhost" })).toThrow();
  });
});

describe("slots", () => {
  const quiet = (): AbortSignal => new AbortController().signal;

  it("let so many in, keep so many waiting in order, and refuse the rest with 202", async () => {
    const slots = createSlots({ maxConcurrentQueries: 1, maxQueuedQueries: 2, queueTimeoutMs: 10_000 });
    const order: number[] = [];
    const first = await slots.take(quiet());
    const second = slots.take(quiet()).then((leave) => (order.push(2), leave));
    const third = slots.take(quiet()).then((leave) => (order.push(3), leave));
    await expect(slots.take(quiet())).rejects.toMatchObject({ code: 202 });
    expect([slots.active, slots.queued]).toEqual([1, 2]);
    first();
    first();
    (await second)();
    (await third)();
    expect(order).toEqual([2, 3]);
    expect([slots.active, slots.queued]).toEqual([0, 0]);
  });

  it("give up waiting in time, or when the client has gone, without losing a place", async () => {
    const slots = createSlots({ maxConcurrentQueries: 1, maxQueuedQueries: 2, queueTimeoutMs: 20 });
    const leave = await slots.take(quiet());
    const gone = new AbortController();
    const aborted = slots.take(gone.signal);
    gone.abort();
    await expect(aborted).rejects.toMatchObject({ code: 394 });
    await expect(slots.take(quiet())).rejects.toMatchObject({ code: 202 });
    leave();
    expect([slots.active, slots.queued]).toEqual([0, 0]);
  });
});

describe("errors", () => {
  it("of the addon lose their repeated heads", () => {
    const error = toException(new Error("Code: 27. DB::Exception: Code: 27. DB::Exception: Cannot parse. (X)"));
    expect([error.code, error.message]).toEqual([27, "Code: 27. DB::Exception: Cannot parse. (X)"]);
    expect(toException(new Error("strange")).code).toBe(1002);
  });

  it.each([[62, 400], [60, 404], [497, 403], [516, 403], [159, 408], [223, 413], [48, 501], [202, 500], [164, 500]])(
    "%i has status %i",
    (code, status) => expect(httpStatus(code)).toBe(status),
  );

  it("of the front look like the engine's", () => {
    expect(EngineException.of("READONLY", "No.").message).toBe("Code: 164. DB::Exception: No. (READONLY)");
  });
});

describe("a machine", () => {
  const good = { platform: "linux", arch: "x64", glibc: "2.36", cpuinfo: "flags\t\t: fpu avx avx2 sse" };

  it("that can run the engine passes", () => {
    expect(() => checkMachine(good)).not.toThrow();
    expect(() => checkMachine({ ...good, arch: "arm64", cpuinfo: "Features : fp" })).not.toThrow();
    expect(() => checkMachine({ platform: "darwin", arch: "arm64", glibc: undefined, cpuinfo: undefined })).not.toThrow();
  });

  it.each([
    ["E_ENGINE_CPU", { cpuinfo: "flags\t\t: fpu avx sse" }],
    ["E_ENGINE_LIBC", { glibc: undefined }],
    ["E_ENGINE_LIBC", { glibc: "2.17" }],
    ["E_ENGINE_PLATFORM", { platform: "win32" }],
    ["E_ENGINE_PLATFORM", { arch: "riscv64" }],
  ])("is refused with %s and a way out for %j", (code, change) => {
    expect(() => checkMachine({ ...good, ...change })).toThrow(expect.objectContaining({ code, remedy: expect.stringMatching(/store\.url/) }));
  });
});
