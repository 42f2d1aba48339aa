-- question: How far does it reach: in numbers, and by server, piece of work, write and call?
-- params: call_id, server, version, agent, credential ('' for any); since, until (UTC, '' for open: when the seeds began); depth
--   (so many times over to follow other work that read what was written); most (so many rows of a level)
-- out: level ('all', 'server', 'piece', 'write': calls that wrote or may have, 'call') and name, and of how many the level
--   has (total); the sums over their calls (a record may be of many), writes, and uncertain_writes, where no answer came or
--   no effect is declared; depth and deepest; from edge to outcome: of the call that was reached first; owner, contact and
--   lifecycle: the newest that the registry said of a server. Servers by their writes, the others in the order of the ways
-- scans: calls from the first seed on, 26 columns once, and twice more a step of depth 14 columns of what wrote or read; registry_servers
SELECT
    reached.*, known.owner AS owner, known.contact AS contact, known.lifecycle AS lifecycle
FROM
(
    SELECT
        level, name,
        -- Calls and writes that are beyond the most have no row of their own.
        multiIf(level = 'call', max(records) OVER (), level = 'write', max(changing) OVER (), toUInt32(count() OVER (PARTITION BY level))) AS total,
        records, calls, seeds, pieces_of_work, second_order_pieces, servers, agents, principals, data_domains, tiers, versions,
        owners, writes, uncertain_writes, not_allowed, first_at, last_at, first.1 AS depth, deepest, first.2 AS edge, first.3 AS via,
        first.4 AS named, first.5 AS call_id, first.6 AS piece, first.7 AS agent, first.8 AS principal, first.9 AS server,
        first.10 AS server_version, first.11 AS method, first.12 AS target, first.13 AS effect, first.14 AS decision, first.15 AS outcome,
        first.16 AS wrote, first.17 AS may_have_written
    FROM
    (
        SELECT
            part.1 AS level,
            part.2 AS name,
            toUInt32(sum(g.n)) AS records,
            toUInt32(sum(g.changes)) AS changing,
            sum(g.calls_made) AS calls,
            sum(g.of_seeds) AS seeds,
            toUInt32(uniqExact(g.in_piece)) AS pieces_of_work,
            toUInt32(uniqExact(g.in_piece) - uniqExactIf(g.in_piece, g.place.1 = 0)) AS second_order_pieces,
            toUInt32(uniqExactIf(g.at_server, g.at_server != '')) AS servers,
            arraySort(groupUniqArrayArray(100)(g.by_agents)) AS agents,
            arraySort(groupUniqArrayArray(100)(g.by_principals)) AS principals,
            arraySort(groupUniqArrayArray(100)(g.in_domains)) AS data_domains,
            arraySort(groupUniqArrayArray(g.of_tiers)) AS tiers,
            arraySort(groupUniqArrayArray(20)(g.of_versions)) AS versions,
            arraySort(groupUniqArrayArray(20)(g.of_owners)) AS owners,
            sum(g.calls_wrote) AS writes,
            sum(g.calls_uncertain) AS uncertain_writes,
            sum(g.calls_refused) AS not_allowed,
            min(g.earliest) AS first_at,
            max(g.latest) AS last_at,
            max(g.deepest) AS deepest,
            argMin(g.first, g.place) AS first,
            min(g.place) AS place
        FROM
        (
            -- Each call is gone through once here, and what comes of it is put together for the levels.
            SELECT
                b.piece AS in_piece,
                toString(b.server) AS at_server,
                if(b.place_number <= {most:UInt32}, b.call_id, '') AS shown_call,
                if(b.changed AND b.change_number <= {most:UInt32}, b.call_id, '') AS shown_write,
                count() AS n,
                countIf(b.changed) AS changes,
                sum(b.attempts) AS calls_made,
                sumIf(b.attempts, b.edge = 'seed') AS of_seeds,
                groupUniqArray(100)(toString(b.agent)) AS by_agents,
                groupUniqArrayIf(100)(toString(b.principal), b.principal != '') AS by_principals,
                groupUniqArrayArray(100)(b.data_domains) AS in_domains,
                groupUniqArrayIf(toString(b.risk_tier), b.risk_tier != '') AS of_tiers,
                groupUniqArrayIf(20)(toString(b.server_version), b.server_version != '') AS of_versions,
                groupUniqArrayIf(20)(toString(b.owner), b.owner != '') AS of_owners,
                sumIf(b.attempts, b.wrote) AS calls_wrote,
                sumIf(b.attempts, b.may_have_written) AS calls_uncertain,
                sumIf(b.attempts, b.decision != 'allow') AS calls_refused,
                min(b.ts) AS earliest,
                max(b.ts) AS latest,
                max(b.depth) AS deepest,
                argMin(
                    (
                        b.depth, b.edge, b.via, b.named, b.call_id, b.piece, b.agent, b.principal, b.server, b.server_version, b.method,
                        multiIf(b.tool != '', toString(b.tool), b.prompt != '', toString(b.prompt), b.resource_uri), b.effect, b.decision, b.outcome,
                        b.wrote, b.may_have_written
                    ),
                    (b.depth, b.ts, b.seq)
                ) AS first,
                min((b.depth, b.ts, b.seq)) AS place
            FROM
            (
                SELECT
                    *,
                    wrote OR may_have_written AS changed,
                    row_number() OVER (ORDER BY depth, ts, seq, call_id) AS place_number,
                    sum(changed) OVER (ORDER BY depth, ts, seq, call_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS change_number
                FROM blast_radius_from(
                    call_id = {call_id:String}, server = {server:String}, version = {version:String}, agent = {agent:String}, credential = {credential:String},
                    since = {since:String}, until = {until:String}, depth = {depth:UInt8}
                )
            ) AS b
            GROUP BY in_piece, at_server, shown_call, shown_write
        ) AS g
        ARRAY JOIN arrayFilter(
            p -> p.1 != '',
            [('all', ''), (if(g.at_server = '', '', 'server'), g.at_server), ('piece', g.in_piece), (if(g.shown_write = '', '', 'write'), g.shown_write), (if(g.shown_call = '', '', 'call'), g.shown_call)]
        ) AS part
        GROUP BY level, name
    )
    ORDER BY level, if(level = 'server', -toInt64(writes), 0), if(level = 'server', -toInt64(calls), 0), place, name
    LIMIT {most:UInt32} BY level
) AS reached
LEFT JOIN
(
    SELECT 'server' AS level, server AS name, argMax(owner, published_at) AS owner, argMax(contact, published_at) AS contact, argMax(lifecycle, published_at) AS lifecycle
    FROM registry_servers
    GROUP BY server
) AS known ON reached.level = known.level AND reached.name = known.name
ORDER BY level, if(level = 'server', -toInt64(writes), 0), if(level = 'server', -toInt64(calls), 0), depth, first_at, name
