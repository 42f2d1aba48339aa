import { Readable } from "node:stream";
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cityHash128 } from "../../../collector/engine/city-hash.ts";
import { readFrames, writeFrame } from "../../../collector/engine/frames.ts";

/** A store to hold against the contract, empty but for the database `signalbox`. */
export interface StoreUnderTest {
  url: string;
  username: string;
  password: string;
  /** A user that may only read. */
  readonly: { username: string; password: string };
  stop(): Promise<void>;
}

/** What the rest of the program relies on, seen through the unmodified client. Any store has to pass all of it. */
export function storeContract(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let store: StoreUnderTest;
    let client: ClickHouseClient;
    const open: ClickHouseClient[] = [];

    const connect = (options: Parameters<typeof createClient>[0] = {}): ClickHouseClient => {
      const one = createClient({
        url: store.url,
        username: store.username,
        password: store.password,
        database: "signalbox",
        log: { level: ClickHouseLogLevel.OFF },
        ...options,
      });
      open.push(one);
      return one;
    };
    const rows = async <T>(query: string, using = client): Promise<T[]> =>
      await (await using.query({ query, format: "JSONEachRow" })).json<T>();
    const value = async (query: string, using = client): Promise<unknown> =>
      Object.values((await rows<Record<string, unknown>>(query, using))[0] ?? {})[0];
    const table = async (columns: string, tail = "ENGINE = MergeTree ORDER BY tuple()"): Promise<string> => {
      const fresh = `t_${Math.random().toString(36).slice(2)}`;
      await client.command({ query: `CREATE TABLE ${fresh} (${columns}) ${tail}` });
      return fresh;
    };
    const post = async (query: string, body?: Uint8Array | string, headers: Record<string, string> = {}): Promise<Response> => {
      const url = `${store.url}/?database=signalbox&query=${encodeURIComponent(query)}`;
      const key = { "X-ClickHouse-User": store.username, "X-ClickHouse-Key": store.password };
      return await fetch(url, { method: "POST", headers: { ...key, ...headers }, body: (body ?? "") as never });
    };

    beforeAll(async () => {
      store = await start();
      client = connect();
    });
    afterAll(async () => {
      await Promise.all(open.map((one) => one.close()));
      await store?.stop();
    });

    describe("answers", () => {
      it("ping", async () => {
        expect(await client.ping()).toEqual({ success: true });
        expect(await (await fetch(`${store.url}/ping`)).text()).toBe("Ok.\n");
        expect(await (await fetch(`${store.url}/replicas_status`)).text()).toBe("Ok.\n");
      });

      it("a query in every format that the program reads", async () => {
        const query = "SELECT number AS n, toString(number) AS s FROM numbers(3) ORDER BY n";
        expect(await (await client.query({ query, format: "JSONEachRow" })).json()).toHaveLength(3);
        expect(await (await client.query({ query, format: "JSON" })).json()).toMatchObject({ rows: 3 });
        expect(await (await client.query({ query, format: "CSV" })).text()).toBe('0,"0"\n1,"1"\n2,"2"\n');
        const parquet = await client.exec({ query: `${query} FORMAT Parquet` });
        const chunks: Buffer[] = [];
        for await (const chunk of parquet.stream) chunks.push(chunk as Buffer);
        expect(Buffer.concat(chunks).subarray(0, 4).toString()).toBe("PAR1");
      });

      it("statements that are not SELECT but have a result", async () => {
        const name = await table("a UInt8");
        expect(await rows(`DESCRIBE TABLE ${name}`)).toMatchObject([{ name: "a", type: "UInt8" }]);
        expect(await value(`EXISTS TABLE ${name}`)).toBe(1);
        expect(await rows("SHOW TABLES")).toContainEqual({ name });
        expect(await rows("EXPLAIN SELECT 1")).not.toHaveLength(0);
      });

      it("a query whose FORMAT, SETTINGS, comments and semicolon come in any order", async () => {
        const text = async (query: string): Promise<string> => await (await post(query)).text();
        expect(await text("SELECT 1 AS format FORMAT CSV")).toBe("1\n");
        expect(await text("SELECT 1 SETTINGS max_threads = 1 FORMAT CSV -- FORMAT JSON")).toBe("1\n");
        expect(await text("SELECT 'FORMAT JSON' FORMAT CSV SETTINGS max_threads = 1;\n")).toBe('"FORMAT JSON"\n');
        expect(await text("/* a */ (SELECT 1) UNION ALL (SELECT 1)")).toBe("1\n1\n");
        expect(await text("WITH 1 AS x SELECT x")).toBe("1\n");
      });

      it("a query with the parameters that it names, whatever is in them", async () => {
        const odd = "a\nb\t'c'\\d`e`\"f\" {x} é 日 -- */ ;";
        const result = await client.query({
          query: "SELECT {odd:String} AS odd, {n:UInt64} AS n, {list:Array(String)} AS list, {m:Map(String, UInt8)} AS m, tupleElement({t:Identifier}, 1) AS t FROM (SELECT (7, 8) AS col)",
          query_params: { odd, n: 42, list: ["x", odd], m: { k: 1 }, t: "col" },
          format: "JSONEachRow",
        });
        expect(await result.json()).toEqual([{ odd, n: 42, list: ["x", odd], m: { k: 1 }, t: 7 }]);
      });

      it("many queries with parameters at once, each with its own", async () => {
        const asked = Array.from({ length: 60 }, (_, n) => n);
        const got = await Promise.all(
          asked.map(async (n) => {
            const result = await client.query({ query: "SELECT {n:UInt32} AS n", query_params: { n }, format: "JSONEachRow" });
            return ((await result.json<{ n: number }>())[0] ?? { n: -1 }).n;
          }),
        );
        expect(got).toEqual(asked);
      });

      it("with compression in both directions", async () => {
        const both = connect({ compression: { request: true, response: true } });
        const name = await table("a UInt64, b String");
        await both.insert({ table: name, values: [{ a: 1, b: "x".repeat(5000) }], format: "JSONEachRow" });
        expect(await rows(`SELECT * FROM ${name}`, both)).toEqual([{ a: 1, b: "x".repeat(5000) }]);
        const url = `${store.url}/?enable_http_compression=1&query=${encodeURIComponent("SELECT repeat('y', 100000)")}`;
        const response = await fetch(url, {
          headers: { "Accept-Encoding": "gzip", "X-ClickHouse-User": store.username, "X-ClickHouse-Key": store.password },
        });
        expect(response.headers.get("content-encoding")).toBe("gzip");
        expect(await response.text()).toHaveLength(100_001);
      });

      it("with credentials in its own headers, in Basic and in the URL, and 403 for wrong ones", async () => {
        const { username, password } = store;
        const basic = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
        const query = encodeURIComponent("SELECT 1");
        expect((await fetch(`${store.url}/?query=${query}`, { headers: { Authorization: basic } })).status).toBe(200);
        const inUrl = `user=${encodeURIComponent(username)}&password=${encodeURIComponent(password)}`;
        expect((await fetch(`${store.url}/?query=${query}&${inUrl}`)).status).toBe(200);
        const wrong = await fetch(`${store.url}/?query=${query}`, {
          headers: { "X-ClickHouse-User": username, "X-ClickHouse-Key": "wrong" },
        });
        expect([wrong.status, wrong.headers.get("x-clickhouse-exception-code")]).toEqual([403, "516"]);
      });
    });

    describe("stores", () => {
      it("objects, and says how many rows it wrote", async () => {
        const name = await table("a UInt64, b String");
        const values = [{ a: 1, b: "x" }, { a: 2, b: "y\n\ny" }];
        const result = await client.insert({ table: name, values, format: "JSONEachRow" });
        expect(result.summary?.written_rows).toBe("2");
        expect(await rows(`SELECT * FROM ${name} ORDER BY a`)).toEqual(values);
      });

      it("streams of objects and of CSV", async () => {
        const name = await table("a UInt64, b String");
        const objects = Readable.from(Array.from({ length: 1000 }, (_, a) => ({ a, b: `row ${a}` })));
        await client.insert({ table: name, values: objects, format: "JSONEachRow" });
        const lines = Readable.from(Array.from({ length: 500 }, (_, a) => `${a + 1000},"line ${a}"\n`), { objectMode: false });
        await client.insert({ table: name, values: lines, format: "CSV" });
        expect(await rows(`SELECT count() AS n, sum(a) AS s FROM ${name}`)).toEqual([{ n: 1500, s: 1_124_250 }]);
      });

      it("some of the columns", async () => {
        const name = await table("a UInt64, b String DEFAULT 'dflt'");
        await client.insert({ table: name, columns: ["a"], values: [{ a: 5 }], format: "JSONEachRow" });
        expect(await rows(`SELECT * FROM ${name}`)).toEqual([{ a: 5, b: "dflt" }]);
      });

      it("Native and RowBinary as bytes, with 0A 0A among them (trap: blank lines cut binary bodies short)", async () => {
        const numbers = Array.from({ length: 5000 }, (_, i) => (i % 3 === 0 ? 0x0a0a_0a0a : i));
        const binary = Buffer.alloc(numbers.length * 4);
        numbers.forEach((n, i) => binary.writeUInt32LE(n, i * 4));
        const name = await table("a UInt32");
        expect((await post(`INSERT INTO ${name} FORMAT RowBinary`, binary)).status).toBe(200);
        const sum = numbers.reduce((a, b) => a + b, 0);
        expect(await rows(`SELECT count() AS n, sum(a) AS s FROM ${name}`)).toEqual([{ n: numbers.length, s: sum }]);

        const native = new Uint8Array(await (await post(`SELECT a FROM ${name} FORMAT Native`)).arrayBuffer());
        const copy = await table("a UInt32");
        expect((await post(`INSERT INTO ${copy} FORMAT Native`, native)).status).toBe(200);
        expect(await rows(`SELECT count() AS n, sum(a) AS s FROM ${copy}`)).toEqual([{ n: numbers.length, s: sum }]);
      });

      it("a gzipped body", async () => {
        const name = await table("a UInt8");
        const body = gzipSync("1\n2\n3\n");
        expect(gunzipSync(body).toString()).toBe("1\n2\n3\n");
        expect((await post(`INSERT INTO ${name} FORMAT CSV`, body, { "Content-Encoding": "gzip" })).status).toBe(200);
        expect(await value(`SELECT sum(a) FROM ${name}`)).toBe(6);
      });

      it("an empty body, as no rows", async () => {
        const name = await table("a UInt8");
        expect((await post(`INSERT INTO ${name} FORMAT JSONEachRow`)).status).toBe(200);
        expect(await value(`SELECT count() FROM ${name}`)).toBe(0);
      });

      it("VALUES with expressions and parameters, in the body or in the URL", async () => {
        const name = await table("a UInt64, b String");
        await client.command({ query: `INSERT INTO ${name} VALUES (1, {p:String}), (1 + 1, 'a\n\nb')`, query_params: { p: "it's" } });
        expect((await post(`INSERT INTO ${name} VALUES (3, 'c')`)).status).toBe(200);
        expect(await rows(`SELECT * FROM ${name} ORDER BY a`)).toEqual([
          { a: 1, b: "it's" },
          { a: 2, b: "a\n\nb" },
          { a: 3, b: "c" },
        ]);
      });

      it("inline data that follows its statement in one body, with SETTINGS before FORMAT", async () => {
        const name = await table("a UInt64, `ünï` String");
        const body = `INSERT INTO ${name} (a, \`ünï\`) SETTINGS max_threads = 1 FORMAT CSV\n1,"é"\n2,"x"\n`;
        const response = await fetch(`${store.url}/?database=signalbox`, {
          method: "POST",
          body,
          headers: { "X-ClickHouse-User": store.username, "X-ClickHouse-Key": store.password },
        });
        expect([response.status, await response.text()]).toEqual([200, ""]);
        expect(await rows(`SELECT * FROM ${name} ORDER BY a`)).toEqual([{ a: 1, ünï: "é" }, { a: 2, ünï: "x" }]);
      });

      it("the result of a SELECT", async () => {
        const name = await table("a UInt64");
        const { summary } = await client.command({ query: `INSERT INTO ${name} SELECT number FROM numbers(10)` });
        expect(summary?.written_rows).toBe("10");
        expect(await value(`SELECT count() FROM ${name}`)).toBe(10);
      });

      it("times with their whole fraction (trap: DateTime64 lost it)", async () => {
        const name = await table("t DateTime64(9, 'UTC'), m DateTime64(3, 'UTC')");
        await client.insert({
          table: name,
          values: [{ t: "2026-01-02 03:04:05.123456789", m: "2026-01-02 03:04:05.678" }],
          format: "JSONEachRow",
        });
        expect(await rows(`SELECT t, m FROM ${name}`)).toEqual([
          { t: "2026-01-02 03:04:05.123456789", m: "2026-01-02 03:04:05.678" },
        ]);
        const asked = await client.query({
          query: "SELECT {t:DateTime64(3, 'UTC')} AS t",
          query_params: { t: new Date("2026-01-02T03:04:05.678Z") },
          format: "JSONEachRow",
        });
        expect(await asked.json()).toEqual([{ t: "2026-01-02 03:04:05.678" }]);
      });

      it("a batch once, however often it comes with the same token, in a view's rollup too", async () => {
        const raw = await table("k UInt8, v UInt64", "ENGINE = MergeTree ORDER BY k SETTINGS non_replicated_deduplication_window = 100");
        const rollup = await table(
          "k UInt8, n AggregateFunction(sum, UInt64)",
          "ENGINE = AggregatingMergeTree ORDER BY k SETTINGS non_replicated_deduplication_window = 100",
        );
        await client.command({
          query: `CREATE MATERIALIZED VIEW ${raw}_mv TO ${rollup} AS SELECT k, sumState(v) AS n FROM ${raw} GROUP BY k`,
        });
        const send = (token: string): Promise<unknown> =>
          client.insert({
            table: raw,
            values: [{ k: 1, v: 10 }, { k: 2, v: 20 }],
            format: "JSONEachRow",
            clickhouse_settings: {
              insert_deduplication_token: token,
              deduplicate_blocks_in_dependent_materialized_views: 1,
              async_insert: 0,
            },
          });
        await send("one");
        await send("one");
        await send("two");
        expect(await value(`SELECT sum(v) FROM ${raw}`)).toBe(60);
        expect(await value(`SELECT sumMerge(n) FROM ${rollup}`)).toBe(60);
      });
    });

    describe("speaks with ClickHouse's Go client", () => {
      const protocol = 54483;
      const ask = async (parameters: Record<string, string>, body: Uint8Array | string): Promise<Response> => {
        const url = `${store.url}/?${new URLSearchParams({ database: "signalbox", default_format: "Native", client_protocol_version: String(protocol), ...parameters })}`;
        const basic = `Basic ${Buffer.from(`${store.username}:${store.password}`).toString("base64")}`;
        return await fetch(url, { method: "POST", headers: { Authorization: basic }, body: body as never });
      };
      const bytes = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());
      const unframed = async (frames: Buffer): Promise<Buffer> => {
        const pieces: Buffer[] = [];
        for await (const piece of readFrames(Readable.from([frames]))) pieces.push(piece);
        return Buffer.concat(pieces);
      };
      const hello = "SELECT displayName(), version(), revision(), timezone()";

      it("when it says hello: the answer is a block of the protocol version that the client has", async () => {
        const block = await bytes(await ask({}, hello));
        // Information about the block, four columns, one row, and a flag behind each type.
        expect(block.subarray(0, 10).toString("hex")).toBe("010002ffffffff000401");
        expect(block.toString("latin1")).toContain("\rdisplayName()\x06String\0");
        expect(block.toString("latin1")).toContain("\nrevision()\x06UInt32\0");
        expect(await unframed(await bytes(await ask({ compress: "1" }, hello)))).toEqual(block);
      });

      it("when it asks for a table's columns, in frames too", async () => {
        const name = await table("a UInt32, b LowCardinality(String)");
        // At the revision that the hello told; the embedded store told 0 and writes plain blocks.
        const query = { client_protocol_version: "0" };
        const plain = await bytes(await ask(query, `DESCRIBE TABLE ${name}`));
        expect(plain.subarray(0, 2)).toEqual(Buffer.of(7, 2));
        expect(await unframed(await bytes(await ask({ ...query, compress: "1" }, `DESCRIBE TABLE ${name}`)))).toEqual(plain);
      });

      it("when it inserts a block in frames: of lz4, of zstd, of several methods, and empty", async () => {
        const name = await table("a UInt32");
        const insert = { query: `INSERT INTO ${name} (a) FORMAT Native`, decompress: "1", compress: "1" };
        const numbers = Array.from({ length: 5000 }, (_, i) => (i % 3 === 0 ? 0x0a0a_0a0a : i));
        const block = nativeUInt32("a", numbers);
        for (const body of [writeFrame(block), zstdFrame(block), Buffer.concat([writeFrame(block.subarray(0, 7)), zstdFrame(block.subarray(7))])]) {
          expect((await ask(insert, body)).status).toBe(200);
        }
        expect((await ask(insert, "")).status).toBe(200);
        expect(Number(await value(`SELECT sum(a) FROM ${name}`))).toBe(3 * numbers.reduce((a, b) => a + b, 0));
      });

      it.each<[what: string, body: (frame: Buffer) => Buffer, code: string]>([
        ["a changed byte", (frame) => Buffer.concat([frame.subarray(0, -1), Buffer.of(frame[frame.length - 1]! ^ 1)]), "40"],
        ["an end too early", (frame) => frame.subarray(0, -5), "33"],
        ["an impossible size", (frame) => Buffer.concat([frame.subarray(0, 17), Buffer.from("ffffffffffffffff", "hex"), frame.subarray(25)]), "131"],
      ])("and stores nothing from frames with %s", async (_what, change, code) => {
        const name = await table("a UInt32");
        const frame = writeFrame(nativeUInt32("a", [1, 2, 3]));
        const response = await ask({ query: `INSERT INTO ${name} FORMAT Native`, decompress: "1" }, change(frame));
        expect([response.ok, response.headers.get("x-clickhouse-exception-code")]).toEqual([false, code]);
        expect(await response.text()).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: `));
        expect(Number(await value(`SELECT count() FROM ${name}`))).toBe(0);
      });

      it("when a query fails: the message is in frames, where the client asked for them", async () => {
        const response = await ask({ compress: "1" }, "SELECT * FROM nope");
        expect([response.status, response.headers.get("x-clickhouse-exception-code")]).toEqual([404, "60"]);
        expect((await unframed(await bytes(response))).toString()).toMatch(/^Code: 60\. DB::Exception: /);
      });

      it("and stores a block once that comes twice without a token, in a view's rollup too", async () => {
        const window = "SETTINGS non_replicated_deduplication_window = 100";
        const raw = await table("a UInt32", `ENGINE = MergeTree ORDER BY a ${window}`);
        const rollup = await table("n SimpleAggregateFunction(sum, UInt64)", `ENGINE = AggregatingMergeTree ORDER BY tuple() ${window}`);
        await client.command({ query: `CREATE MATERIALIZED VIEW ${raw}_mv TO ${rollup} AS SELECT count() AS n FROM ${raw}` });
        const insert = { query: `INSERT INTO ${raw} FORMAT Native`, decompress: "1", async_insert: "0", deduplicate_blocks_in_dependent_materialized_views: "1" };
        for (const values of [[1, 2, 3], [1, 2, 3], [4, 5]]) {
          expect((await ask(insert, writeFrame(nativeUInt32("a", values)))).status).toBe(200);
        }
        expect(Number(await value(`SELECT count() FROM ${raw}`))).toBe(5);
        expect(Number(await value(`SELECT sum(n) FROM ${rollup}`))).toBe(5);
      });
    });

    describe("streams", () => {
      it("a large result in many chunks, whole", async () => {
        const result = await client.query({ query: "SELECT number FROM numbers(1000000)", format: "JSONEachRow" });
        let [chunks, sum] = [0, 0];
        for await (const batch of result.stream<{ number: number }>()) {
          chunks++;
          for (const row of batch) sum += row.json().number;
        }
        expect(chunks).toBeGreaterThan(10);
        expect(sum).toBe(499_999_500_000);
      });

      it("an error that happens after rows were sent, as that error", async () => {
        const result = await client.query({
          query: "SELECT number, throwIf(number = 900000, 'too far') FROM numbers(1000000)",
          format: "JSONEachRow",
          clickhouse_settings: { max_block_size: "10000", max_threads: 1 },
        });
        const read = async (): Promise<void> => {
          for await (const batch of result.stream()) expect(batch.length).toBeGreaterThan(0);
        };
        await expect(read()).rejects.toMatchObject({ code: "395" });
      });

      it("nothing more once the client has aborted: the query is really stopped, and others are not delayed", async () => {
        const marker = `endless_${Math.random().toString(36).slice(2)}`;
        const abort = new AbortController();
        const endless = client.query({
          query: `SELECT count() AS ${marker} FROM numbers(1000000000000) WHERE NOT ignore(cityHash64(number))`,
          format: "JSONEachRow",
          abort_signal: abort.signal,
          clickhouse_settings: { cancel_http_readonly_queries_on_client_close: 1 },
        });
        const outcome = endless.then(() => "answered", () => "aborted");
        const running = `SELECT count() FROM system.processes WHERE position(query, concat('${marker.slice(0, 5)}', '${marker.slice(5)}')) > 0`;
        await expect.poll(() => value(running)).toBe(1);
        abort.abort();
        expect(await outcome).toBe("aborted");
        const started = performance.now();
        expect(await value("SELECT 1")).toBe(1);
        expect(performance.now() - started).toBeLessThan(3000);
        await expect.poll(() => value(running), { timeout: 5000 }).toBe(0);
      });
    });

    describe("reports", () => {
      const cases: [what: string, query: string, code: string, type: string, status: number][] = [
        ["bad syntax", "selec 1", "62", "SYNTAX_ERROR", 400],
        ["an unknown column", "SELECT nope", "47", "UNKNOWN_IDENTIFIER", 404],
        ["an unknown table", "SELECT * FROM nope", "60", "UNKNOWN_TABLE", 404],
        ["an unknown function", "SELECT nope(1)", "46", "UNKNOWN_FUNCTION", 404],
        ["a parameter that has no value", "SELECT {x:UInt8}", "456", "UNKNOWN_QUERY_PARAMETER", 500],
        ["two statements in one (trap: they were executed)", "SELECT 1; SELECT 2", "62", "SYNTAX_ERROR", 400],
      ];
      it.each(cases)("%s", async (_what, query, code, type, status) => {
        await expect(client.exec({ query })).rejects.toMatchObject({ code, type });
        const response = await post(query);
        const text = await response.text();
        expect([response.status, response.headers.get("x-clickhouse-exception-code")]).toEqual([status, code]);
        expect(text).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: `));
        expect(text).not.toMatch(/OUTFILE '/);
      });

      it("rows that cannot be read, and stores none of them", async () => {
        const name = await table("a UInt8");
        expect((await post(`INSERT INTO ${name} FORMAT CSV`, "1\n2\nthree\n")).status).toBe(400);
        expect(await value(`SELECT count() FROM ${name}`)).toBe(0);
      });

      it("a query that takes longer than max_execution_time", async () => {
        const slow = client.query({
          query: "SELECT sleepEachRow(0.1) FROM numbers(100)",
          clickhouse_settings: { max_execution_time: 1, max_block_size: "1" },
        });
        await expect(slow.then((result) => result.text())).rejects.toMatchObject({ code: "159" });
      });

      it("an unknown setting", async () => {
        const asked = client.query({ query: "SELECT 1", clickhouse_settings: { no_such_setting: 1 } as never });
        await expect(asked).rejects.toMatchObject({ code: "115" });
      });
    });

    describe("keeps apart", () => {
      it("the settings of one request from the next (trap: they stuck)", async () => {
        const now = (): Promise<unknown> => value("SELECT getSetting('max_block_size')");
        const before = await now();
        const one = await client.query({
          query: "SELECT getSetting('max_block_size') AS n",
          format: "JSONEachRow",
          clickhouse_settings: { max_block_size: "777", readonly: "1" },
        });
        expect(await one.json()).toEqual([{ n: 777 }]);
        expect(await Promise.all(Array.from({ length: 12 }, now))).toEqual(Array(12).fill(before));
        const name = await table("a UInt8");
        await client.insert({ table: name, values: [{ a: 1 }], format: "JSONEachRow" });
      });

      it("temporary tables of different sessions, and of none (trap: they were shared)", async () => {
        const [one, two] = [connect({ session_id: `a${Math.random()}` }), connect({ session_id: `b${Math.random()}` })];
        await one.command({ query: "CREATE TEMPORARY TABLE tmp (a UInt8)" });
        await one.insert({ table: "tmp", values: [{ a: 9 }], format: "JSONEachRow" });
        expect(await value("SELECT a FROM tmp", one)).toBe(9);
        await expect(value("SELECT a FROM tmp", two)).rejects.toMatchObject({ code: "60" });
        await expect(value("SELECT a FROM tmp")).rejects.toMatchObject({ code: "60" });
      });

      it("two requests of one session, which may not run at once", async () => {
        const id = `s${Math.random()}`;
        const [one, two] = [connect({ session_id: id }), connect({ session_id: id })];
        await one.command({ query: "CREATE TEMPORARY TABLE tmp (a UInt8)" });
        const slow = value("SELECT sleep(1)", one);
        await expect.poll(() => value("SELECT 1", two).catch((error: { code: string }) => error.code)).toBe("373");
        await slow;
        expect(await value("SELECT count() FROM tmp", two)).toBe(0);
      });

      it("the settings of two requests of one session", async () => {
        const one = connect({ session_id: `s${Math.random()}` });
        const before = await value("SELECT getSetting('max_block_size')", one);
        await (await one.query({ query: "SELECT 1", clickhouse_settings: { max_block_size: "777" } })).text();
        expect(await value("SELECT getSetting('max_block_size')", one)).toBe(before);
      });

      it("a session that does not exist from one that does, where asked to check", async () => {
        const url = `${store.url}/?session_id=never&session_check=1&query=SELECT%201`;
        const response = await fetch(url, { headers: { "X-ClickHouse-User": store.username, "X-ClickHouse-Key": store.password } });
        expect([response.status, response.headers.get("x-clickhouse-exception-code")]).toEqual([404, "372"]);
      });
    });

    describe("does not let", () => {
      it("a GET write", async () => {
        const name = await table("a UInt8");
        const url = `${store.url}/?database=signalbox&query=${encodeURIComponent(`INSERT INTO ${name} VALUES (1)`)}`;
        const response = await fetch(url, { headers: { "X-ClickHouse-User": store.username, "X-ClickHouse-Key": store.password } });
        expect(response.headers.get("x-clickhouse-exception-code")).toBe("164");
        expect(await value(`SELECT count() FROM ${name}`)).toBe(0);
      });

      it("a read-only user write, change a table, or lift its own limits", async () => {
        const name = await table("a UInt8");
        const reader = connect(store.readonly);
        expect(await value(`SELECT count() FROM ${name}`, reader)).toBe(0);
        const refused = { code: expect.stringMatching(/^(164|497)$/) };
        await expect(reader.command({ query: `INSERT INTO ${name} VALUES (1)` })).rejects.toMatchObject(refused);
        await expect(reader.insert({ table: name, values: [{ a: 1 }], format: "JSONEachRow" })).rejects.toMatchObject(refused);
        await expect(reader.command({ query: `DROP TABLE ${name}` })).rejects.toMatchObject(refused);
        await expect(reader.command({ query: "SET readonly = 0" })).rejects.toMatchObject(refused);
        await expect(value("SELECT 1 SETTINGS readonly = 0", reader)).rejects.toMatchObject(refused);
        expect(await value(`SELECT count() FROM ${name}`)).toBe(0);
      });

      it("two running queries have one query_id", async () => {
        const query_id = `q${Math.random()}`;
        const slow = client.query({ query: "SELECT sleep(1)", query_id });
        await expect
          .poll(() => client.query({ query: "SELECT 1", query_id }).then((r) => r.text(), (error: { code: string }) => error.code))
          .toBe("216");
        expect((await slow).query_id).toBe(query_id);
        await (await slow).text();
      });
    });
  });
}

/** A Native block of one column with less than 16384 rows, so that their number takes one byte or two. */
function nativeUInt32(name: string, values: readonly number[]): Buffer {
  const rows = values.length < 128 ? [values.length] : [(values.length & 127) | 128, values.length >> 7];
  const column = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => column.writeUInt32LE(value, i * 4));
  return Buffer.concat([Buffer.of(1, ...rows, name.length), Buffer.from(name), Buffer.of(6), Buffer.from("UInt32"), column]);
}

function zstdFrame(bytes: Buffer): Buffer {
  const data = zstdCompressSync(bytes);
  const body = Buffer.concat([Buffer.alloc(9), data]);
  body[0] = 0x90;
  body.writeUInt32LE(body.length, 1);
  body.writeUInt32LE(bytes.length, 5);
  return Buffer.concat([cityHash128(body), body]);
}
