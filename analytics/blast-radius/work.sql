-- question: Which pieces of work were reached, from when on, and why?
-- params: call_id, server, version, agent, credential ('' for any); since, until (UTC, '' for open: when the seeds began); depth
--   (pieces of work that read what was written, so many times over);
--   most (so many rows)
-- out: piece, depth (0: it has a seed), edge, via (the call that it was reached through), named (what was written and read),
--   entry (its own first call that was reached), agents, calls, writes, first_at, last_at, total (pieces in all)
-- scans: as summary.sql
SELECT
    piece,
    min(b.depth) AS depth,
    argMin(b.edge, (b.depth, b.ts, b.seq)) AS edge,
    argMin(b.via, (b.depth, b.ts, b.seq)) AS via,
    argMin(b.named, (b.depth, b.ts, b.seq)) AS named,
    argMin(b.call_id, (b.depth, b.ts, b.seq)) AS entry,
    arraySort(groupUniqArray(20)(toString(agent))) AS agents,
    sum(attempts) AS calls,
    sumIf(attempts, wrote) AS writes,
    min(ts) AS first_at,
    max(ts) AS last_at,
    toUInt32(count() OVER ()) AS total
FROM blast_radius_from(
    call_id = {call_id:String}, server = {server:String}, version = {version:String}, agent = {agent:String}, credential = {credential:String},
    since = {since:String}, until = {until:String}, depth = {depth:UInt8}
) AS b
GROUP BY piece
ORDER BY depth, first_at, piece
LIMIT {most:UInt32}
