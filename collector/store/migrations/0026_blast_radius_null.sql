-- The same view as before, but for an argument that is null: nothing was named by it, so nothing follows from it.
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
            producer, seq, ts, agent, principal, credential_id, task_id, trace_id, parent_span_id, session_id, server, server_version, owner,
            method, tool, prompt, resource_uri, effect, risk_tier, data_domains, environment, decision, outcome, attempts,
            arg_paths, arg_digests, arg_flow_from,
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
    later AS
    (
        SELECT
            *,
            toUInt8(effect IN ('write', 'destructive', 'egress') AND decision = 'allow' AND outcome = 'ok') AS wrote,
            toUInt8((effect = 'read' OR method = 'resources/read') AND decision = 'allow' AND outcome = 'ok') AS did_read
        FROM marked
        WHERE ts >= first_seed AND (method IN ('tools/call', 'resources/read', 'prompts/get') OR seed)
    ),
    -- A window sorts what it goes over, so only calls that nothing but time holds together go through one: it gives the
    -- moments at which each agent's bursts begin.
    (
        SELECT CAST(groupArray((agent, starts)), 'Map(String, Array(DateTime64(6, \'UTC\')))')
        FROM
        (
            SELECT toString(agent) AS agent, arraySort(groupArrayIf(ts, opens)) AS starts
            FROM
            (
                SELECT agent, ts, lagInFrame(ts, 1, toDateTime64(0, 6, 'UTC')) OVER (PARTITION BY agent ORDER BY ts, seq) < ts - INTERVAL 30 MINUTE AS opens
                FROM later
                WHERE task_id = '' AND parent_span_id = '' AND session_id = ''
            )
            GROUP BY agent
        )
    ) AS bursts,
    work AS
    (
        SELECT
            *,
            multiIf(
                task_id != '', concat('task ', task_id),
                parent_span_id != '', concat('trace ', agent, ' ', trace_id),
                session_id != '', concat('session ', agent, ' ', session_id),
                concat('burst ', agent, ' ', toString(arrayLast(at -> at <= ts, bursts[toString(agent)])))
            ) AS piece
        FROM later
    ),
    -- What an argument's last name says that it holds: a path, an identifier (spelled one way), or nothing that is followed.
    (path -> extract(concat('/', path), '([^/]*)(?:/\\*)*$')) AS last_name,
    (path -> multiIf(
        path = '<uri>', 'uri',
        match(last_name(path), '(?:^|[_.-])(?i:paths?|files?|filenames?|filepaths?|ur[il]s?|href|dir|directory|folder|source|src|destination|dest|target)$|[a-z0-9](?:Paths?|Files?|File[Nn]ames?|U[Rr][IiLl]s?|Dir|Directory|Folder)$'), 'path',
        match(last_name(path), '(?:^|[_.-])(?i:ids?|keys?|uuids?)$|[a-z0-9](?:I[Dd]s?|Keys?|Uuids?)$'), replaceRegexpAll(lower(last_name(path)), '[_.-]|s$', ''),
        ''
    )) AS meaning_of,
    -- From when on a piece of work is reached, through which call of its own, and through which write of another. Names are looked
    -- at last, of what is the same on the same server: of what reached work wrote, and of what reads hold of that.
    reach AS
    (
        SELECT toUInt8(0) AS depth, piece, min((ts, seq)) AS reached, argMin(concat(producer, '-', toString(seq)), (ts, seq)) AS entry, '' AS write, '' AS resource
        FROM work
        WHERE seed
        GROUP BY piece
        UNION ALL
        SELECT
            toUInt8(written.depth + 1) AS depth,
            reading.piece AS piece,
            min((reading.ts, reading.seq)) AS reached,
            argMin(concat(reading.producer, '-', toString(reading.seq)), (reading.ts, reading.seq)) AS entry,
            argMin(written.write, (reading.ts, reading.seq)) AS write,
            argMin(if(reading.path = '<uri>', concat(reading.server, ' resource ', reading.thing), concat(reading.server, ' argument ', last_name(toString(reading.path)))), (reading.ts, reading.seq)) AS resource
        FROM
        (
            SELECT producer, seq, ts, piece, server, path, thing
            FROM work
            ARRAY JOIN arrayPushBack(arg_paths, '<uri>') AS path, arrayPushBack(arg_digests, resource_uri) AS thing
            WHERE did_read AND thing NOT IN ('', repeat('0', 32))
        ) AS reading
        INNER JOIN
        (
            SELECT
                depth, server, thing, meaning,
                argMin(piece, (ts, seq)) AS piece,
                min((ts, seq)) AS at,
                argMin(concat(producer, '-', toString(seq)), (ts, seq)) AS write
            FROM
            (
                SELECT reach.depth AS depth, w.producer AS producer, w.seq AS seq, w.ts AS ts, w.piece AS piece, w.server AS server, thing, meaning_of(toString(path)) AS meaning
                FROM (SELECT producer, seq, ts, piece, server, arg_paths, arg_digests, resource_uri FROM work WHERE wrote) AS w
                INNER JOIN reach ON w.piece = reach.piece
                ARRAY JOIN arrayPushBack(w.arg_paths, '<uri>') AS path, arrayPushBack(w.arg_digests, w.resource_uri) AS thing
                WHERE (w.ts, w.seq) >= reach.reached AND reach.depth < least({depth:UInt8}, 10) AND thing NOT IN ('', repeat('0', 32))
            )
            WHERE meaning != ''
            GROUP BY depth, server, thing, meaning
        ) AS written ON reading.server = written.server AND reading.thing = written.thing
        WHERE (reading.ts, reading.seq) > written.at AND reading.piece != written.piece AND meaning_of(toString(reading.path)) = written.meaning
        GROUP BY depth, piece
    ),
    -- The ways to a piece of work, the shortest first.
    ways AS
    (
        SELECT piece, arraySort(groupArray((depth, reached, entry, write, resource))) AS each
        FROM reach
        GROUP BY piece
    )
SELECT
    way.1 AS depth,
    multiIf(seed, 'seed', is_entry AND depth > 0, 'reads what was written', flowed != 0, 'takes a value from a result', 'same piece of work') AS edge,
    multiIf(edge = 'seed', '', edge = 'reads what was written', way.4, edge = 'takes a value from a result', concat(producer, '-', toString(flowed)), way.3) AS via,
    if(edge = 'reads what was written', way.5, '') AS named,
    piece, ts, concat(producer, '-', toString(seq)) AS call_id, producer, seq, agent, principal, credential_id, server, server_version, owner,
    method, tool, prompt, resource_uri, effect, risk_tier, data_domains, environment, decision, outcome, wrote,
    -- The answer did not come, so nobody knows whether it was done; and what a registry says nothing of may have written.
    toUInt8(decision = 'allow' AND (
        (effect IN ('write', 'destructive', 'egress') AND outcome IN ('timeout', 'transport_error', 'cancelled', 'interrupted', 'quarantined'))
        OR (effect = '' AND method = 'tools/call')
    )) AS may_have_written,
    attempts
FROM
(
    SELECT
        work.*,
        arrayFirst(one -> (ts, seq) >= one.2, ways.each) AS way,
        (ts, seq) = way.2 AS is_entry,
        -- Sequence numbers are a producer's own, so a value is only traced to a result of the producer that it was entered by.
        if(way.3 = concat(producer, '-', toString(way.2.2)), arrayFirst(f -> f >= way.2.2, arg_flow_from), 0) AS flowed
    FROM work
    INNER JOIN ways ON work.piece = ways.piece
    WHERE way.3 != ''
)
-- By the shortest way; and a record that was delivered twice counts once.
ORDER BY depth, ts, seq
LIMIT 1 BY producer, seq;
