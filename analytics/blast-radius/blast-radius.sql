-- question: How far does it reach: in numbers, and by server, piece of work, write and call?
-- params: call_id, server, version, agent, credential ('' for any); since, until (UTC, '' for open: when the seeds began); depth
--   (so many times over to follow other work that read what was written); most (so many rows of a level)
-- out: level ('all', 'server', 'piece', 'write': calls that wrote or may have, 'call') and name, and of how many the level
--   has (total); the sums over their calls (a record may be of many), writes, and uncertain_writes, where no answer came or
--   no effect is declared; depth and deepest; from edge to outcome: of the call that was reached first; owner, contact and
--   lifecycle: the newest that the registry said of a server. Servers by their writes, the others in the order of the ways
-- scans: calls from the first seed on, 16 columns three times and twice more a step of depth; registry_servers
SELECT
    reached.*, known.owner AS owner, known.contact AS contact, known.lifecycle AS lifecycle
FROM
(
    SELECT
        level, name, total, records, calls, seeds, pieces_of_work, second_order_pieces, servers, agents, principals, data_domains, tiers, versions,
        owners, writes, uncertain_writes, not_allowed, first_at, last_at, first.1 AS depth, deepest, first.2 AS edge, first.3 AS via,
        first.4 AS named, first.5 AS call_id, first.6 AS piece, first.7 AS agent, first.8 AS principal, first.9 AS server,
        first.10 AS server_version, first.11 AS method, first.12 AS target, first.13 AS effect, first.14 AS decision, first.15 AS outcome,
        first.16 AS wrote, first.17 AS may_have_written
    FROM
    (
        SELECT
            part.1 AS level,
            part.2 AS name,
            toUInt32(count() OVER (PARTITION BY level)) AS total,
            toUInt32(count()) AS records,
            sum(b.attempts) AS calls,
            sumIf(b.attempts, b.edge = 'seed') AS seeds,
            toUInt32(uniqExact(b.piece)) AS pieces_of_work,
            toUInt32(uniqExact(b.piece) - uniqExactIf(b.piece, b.depth = 0)) AS second_order_pieces,
            toUInt32(uniqExactIf(b.server, b.server != '')) AS servers,
            arraySort(groupUniqArray(100)(toString(b.agent))) AS agents,
            arraySort(groupUniqArrayIf(100)(toString(b.principal), b.principal != '')) AS principals,
            arraySort(groupUniqArrayArray(100)(b.data_domains)) AS data_domains,
            arraySort(groupUniqArrayIf(toString(b.risk_tier), b.risk_tier != '')) AS tiers,
            arraySort(groupUniqArrayIf(20)(toString(b.server_version), b.server_version != '')) AS versions,
            arraySort(groupUniqArrayIf(20)(toString(b.owner), b.owner != '')) AS owners,
            sumIf(b.attempts, b.wrote) AS writes,
            sumIf(b.attempts, b.may_have_written) AS uncertain_writes,
            sumIf(b.attempts, b.decision != 'allow') AS not_allowed,
            min(b.ts) AS first_at,
            max(b.ts) AS last_at,
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
        FROM blast_radius_from(
            call_id = {call_id:String}, server = {server:String}, version = {version:String}, agent = {agent:String}, credential = {credential:String},
            since = {since:String}, until = {until:String}, depth = {depth:UInt8}
        ) AS b
        ARRAY JOIN arrayFilter(
            p -> p.1 != '',
            [('all', ''), (if(b.server = '', '', 'server'), toString(b.server)), ('piece', b.piece), (if(b.wrote OR b.may_have_written, 'write', ''), b.call_id), ('call', b.call_id)]
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
