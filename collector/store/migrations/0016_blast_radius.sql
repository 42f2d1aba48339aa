-- How far the harm of a call, server, agent, credential or stretch of time can reach, for whoever writes SQL:
--   SELECT * FROM blast_radius(call_id = 'px-0a6f4163-6')
-- A parameterized view must be given all its parameters, so there is one with everything and a short one a question.
--
-- A seed is a call that is asked about. What follows the first seed in the same piece of work (its task; without one its
-- trace; then its session; then a burst without a pause of 30 minutes) is reached. So is another piece of work from the
-- moment on that it reads what a reached call wrote, and that again to the given depth. What was written and what was read
-- are the same where the resource URI is, or the keyed digest of an argument that names a path, or of one that names an
-- identifier under the same name, on the same server.
CREATE OR REPLACE VIEW blast_radius_from AS
WITH RECURSIVE
    if({since:String} = '', toDateTime64(0, 6, 'UTC'), parseDateTime64BestEffort({since:String}, 6, 'UTC')) AS since_time,
    if({until:String} = '', toDateTime64('2200-01-01 00:00:00', 6, 'UTC'), parseDateTime64BestEffort({until:String}, 6, 'UTC')) AS until_time,
    marked AS
    (
        SELECT
            producer, seq, ts, agent, task_id, trace_id, parent_span_id, session_id, server, method, effect, decision, outcome,
            resource_uri, arg_paths, arg_digests, arg_flow_from,
            ts < until_time
            AND ({call_id:String} = '' OR (seq = toUInt64OrZero(splitByChar('-', {call_id:String})[-1]) AND concat(producer, '-', toString(seq)) = {call_id:String}))
            -- A refused call did not reach the server, so nothing came back from it.
            AND ({server:String} = '' OR (server = {server:String} AND decision = 'allow'))
            AND ({version:String} = '' OR server_version = {version:String})
            AND ({agent:String} = '' OR agent = {agent:String})
            AND ({credential:String} = '' OR credential_id = {credential:String})
            -- A list of tools can deceive an agent as a result can; these two carry nothing to it.
            AND ({call_id:String} != '' OR (method NOT LIKE 'notifications/%' AND method != 'ping')) AS seed
        FROM calls
        WHERE ts >= since_time
    ),
    -- Null where there is no seed, so that nothing is read then.
    (SELECT minOrNull(ts) FROM marked WHERE seed) AS first_seed,
    work AS
    (
        SELECT
            producer, seq, ts, seed, arg_flow_from,
            multiIf(
                task_id != '', concat('task ', task_id),
                parent_span_id != '', concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('burst ', agent, ' ', toString(max(if(opens, ts, toDateTime64(0, 6, 'UTC'))) OVER (PARTITION BY loose_agent ORDER BY ts, seq)))
            ) AS piece,
            toUInt8(effect IN ('write', 'destructive', 'egress') AND decision = 'allow' AND outcome = 'ok') AS wrote,
            toUInt8((effect = 'read' OR method = 'resources/read') AND decision = 'allow' AND outcome = 'ok') AS did_read,
            -- What a call names, as (key, words for people).
            arrayDistinct(arrayFilter(
                r -> r.1 != '',
                arrayPushBack(
                    arrayMap(
                        (segment, digest) -> (
                            multiIf(
                                digest = '', '',
                                match(segment, '(?:^|[_.-])(?i:paths?|files?|filenames?|filepaths?|ur[il]s?|href|dir|directory|folder|source|src|destination|dest|target)$|[a-z0-9](?:Paths?|Files?|File[Nn]ames?|U[Rr][IiLl]s?|Dir|Directory|Folder)$'),
                                concat(server, ' path ', digest),
                                match(segment, '(?:^|[_.-])(?i:ids?|keys?|uuids?)$|[a-z0-9](?:I[Dd]s?|Keys?|Uuids?)$'),
                                concat(server, ' ', replaceRegexpAll(lower(segment), '[_.-]|s$', ''), ' ', digest),
                                ''
                            ),
                            concat(server, ' argument ', segment)
                        ),
                        arrayMap(path -> arrayLast(s -> s != '*', splitByChar('/', path)), arg_paths),
                        arg_digests
                    ),
                    (if(resource_uri = '', '', concat(server, ' uri ', resource_uri)), concat(server, ' resource ', resource_uri))
                )
            )) AS resources
        FROM
        (
            SELECT
                *,
                if(task_id = '' AND session_id = '' AND parent_span_id = '', agent, '') AS loose_agent,
                toUInt8(lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY loose_agent ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE) AS opens
            FROM marked
            WHERE ts >= first_seed AND (method IN ('tools/call', 'resources/read', 'prompts/get') OR seed)
        )
    ),
    -- From when on a piece of work is reached, through which call of its own, and through which write of another.
    reach AS
    (
        SELECT toUInt8(0) AS depth, piece, min((ts, seq)) AS reached, argMin(concat(producer, '-', toString(seq)), (ts, seq)) AS entry, '' AS write, '' AS resource
        FROM work
        WHERE seed
        GROUP BY piece
        UNION ALL
        SELECT
            toUInt8(written.depth + 1) AS depth,
            work.piece AS piece,
            min((work.ts, work.seq)) AS reached,
            argMin(concat(work.producer, '-', toString(work.seq)), (work.ts, work.seq)) AS entry,
            argMin(written.write, (work.ts, work.seq)) AS write,
            argMin(named.2, (work.ts, work.seq)) AS resource
        FROM (SELECT * FROM work WHERE did_read) AS work
        ARRAY JOIN resources AS named
        INNER JOIN
        (
            SELECT
                reach.depth AS depth,
                made.1 AS key,
                argMin(w.piece, (w.ts, w.seq)) AS piece,
                min((w.ts, w.seq)) AS at,
                argMin(concat(w.producer, '-', toString(w.seq)), (w.ts, w.seq)) AS write
            FROM (SELECT * FROM work WHERE wrote) AS w
            INNER JOIN reach ON w.piece = reach.piece
            ARRAY JOIN w.resources AS made
            WHERE (w.ts, w.seq) >= reach.reached AND reach.depth < least({depth:UInt8}, 10)
            GROUP BY depth, key
        ) AS written ON named.1 = written.key
        WHERE (work.ts, work.seq) > written.at AND work.piece != written.piece
        GROUP BY depth, piece
    )
SELECT
    reached.depth AS depth,
    multiIf(reached.is_seed, 'seed', reached.is_entry AND reached.depth > 0, 'reads what was written', reached.flowed != 0, 'takes a value from a result', 'same piece of work') AS edge,
    multiIf(edge = 'seed', '', edge = 'reads what was written', reached.write, edge = 'takes a value from a result', concat(c.producer, '-', toString(reached.flowed)), reached.entry) AS via,
    if(edge = 'reads what was written', reached.resource, '') AS named,
    reached.piece AS piece,
    c.ts AS ts, concat(c.producer, '-', toString(c.seq)) AS call_id, c.producer AS producer, c.seq AS seq, c.agent AS agent,
    c.principal AS principal, c.credential_id AS credential_id, c.server AS server, c.server_version AS server_version, c.owner AS owner,
    c.method AS method, c.tool AS tool, c.prompt AS prompt, c.resource_uri AS resource_uri, c.effect AS effect, c.risk_tier AS risk_tier,
    c.data_domains AS data_domains, c.environment AS environment, c.decision AS decision, c.outcome AS outcome, reached.wrote AS wrote,
    -- The answer did not come, so nobody knows whether it was done; and what a registry says nothing of may have written.
    toUInt8(c.decision = 'allow' AND (
        (c.effect IN ('write', 'destructive', 'egress') AND c.outcome IN ('timeout', 'transport_error', 'cancelled', 'interrupted', 'quarantined'))
        OR (c.effect = '' AND c.method = 'tools/call')
    )) AS may_have_written,
    c.attempts AS attempts
FROM calls AS c
INNER JOIN
(
    SELECT
        w.producer AS producer, w.seq AS seq, w.ts AS ts, w.piece AS piece, w.wrote AS wrote,
        r.depth AS depth, r.entry AS entry, r.write AS write, r.resource AS resource,
        w.seed AS is_seed,
        (w.ts, w.seq) = r.reached AS is_entry,
        -- Sequence numbers are a producer's own, so a value is only traced to a result of the producer that it was entered by.
        arrayFirst(f -> f >= r.reached.2 AND r.entry = concat(w.producer, '-', toString(r.reached.2)), w.arg_flow_from) AS flowed
    FROM work AS w
    INNER JOIN reach AS r ON w.piece = r.piece
    WHERE (w.ts, w.seq) >= r.reached
    -- By the shortest way; and a record that was delivered twice counts once.
    ORDER BY w.producer, w.seq, r.depth, r.reached
    LIMIT 1 BY w.producer, w.seq
) AS reached ON c.producer = reached.producer AND c.seq = reached.seq
WHERE c.ts >= first_seed
ORDER BY depth, ts, seq
LIMIT 1 BY producer, seq;

CREATE OR REPLACE VIEW blast_radius AS
SELECT *
FROM blast_radius_from(call_id = {call_id:String}, server = '', version = '', agent = '', credential = '', since = '', until = '', depth = 2);

CREATE OR REPLACE VIEW blast_radius_of_server AS
SELECT *
FROM blast_radius_from(call_id = '', server = {server:String}, version = '', agent = '', credential = '', since = {since:String}, until = {until:String}, depth = 2);

CREATE OR REPLACE VIEW blast_radius_of_agent AS
SELECT *
FROM blast_radius_from(call_id = '', server = '', version = '', agent = {agent:String}, credential = '', since = {since:String}, until = {until:String}, depth = 2);

CREATE OR REPLACE VIEW blast_radius_of_credential AS
SELECT *
FROM blast_radius_from(call_id = '', server = '', version = '', agent = '', credential = {credential:String}, since = {since:String}, until = {until:String}, depth = 2);

CREATE OR REPLACE VIEW blast_radius_of_time AS
SELECT *
FROM blast_radius_from(call_id = '', server = '', version = '', agent = '', credential = '', since = {since:String}, until = {until:String}, depth = 2);
