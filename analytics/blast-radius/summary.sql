-- question: How far does it reach, in numbers?
-- params: call_id, server, version, agent, credential ('' for any); since, until (UTC, '' for open: when the seeds began); depth
--   (pieces of work that read what was written, so many times over)
-- out: one row. records and calls (a record may be of many), seeds and later of them; pieces_of_work, second_order_pieces
--   (reached only through what was written); servers, agents, principals, data_domains, tiers; writes, and uncertain_writes:
--   what may have written (no answer, or no declared effect); not_allowed; first_at, last_at; deepest
-- scans: calls from the first seed on, 30 columns, twice and twice more for every step of depth
SELECT
    toUInt32(count()) AS records,
    sum(attempts) AS calls,
    sumIf(attempts, edge = 'seed') AS seeds,
    sumIf(attempts, edge != 'seed') AS later,
    toUInt32(uniqExact(piece)) AS pieces_of_work,
    toUInt32(uniqExact(piece) - uniqExactIf(piece, depth = 0)) AS second_order_pieces,
    toUInt32(uniqExactIf(server, server != '')) AS servers,
    arraySort(groupUniqArray(100)(toString(agent))) AS agents,
    arraySort(groupUniqArrayIf(100)(toString(principal), principal != '')) AS principals,
    arraySort(groupUniqArrayArray(100)(data_domains)) AS data_domains,
    arraySort(groupUniqArrayIf(toString(risk_tier), risk_tier != '')) AS tiers,
    sumIf(attempts, wrote) AS writes,
    sumIf(attempts, may_have_written) AS uncertain_writes,
    toUInt32(countIf(wrote OR may_have_written)) AS write_records,
    sumIf(attempts, decision != 'allow') AS not_allowed,
    min(ts) AS first_at,
    max(ts) AS last_at,
    max(depth) AS deepest
FROM blast_radius_from(
    call_id = {call_id:String}, server = {server:String}, version = {version:String}, agent = {agent:String}, credential = {credential:String},
    since = {since:String}, until = {until:String}, depth = {depth:UInt8}
)
