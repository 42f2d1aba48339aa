-- question: Which servers were touched, with which data, and whom does one call about each?
-- params: call_id, server, version, agent, credential ('' for any); since, until (UTC, '' for open: when the seeds began); depth
--   (pieces of work that read what was written, so many times over);
--   most (so many rows)
-- out: server, versions, tiers, data_domains, owners (of the calls, as the registry was then), owner, contact and lifecycle
--   (the newest that the registry said of it; empty where it never knew it), calls, writes, uncertain_writes, depth
--   (the smallest), total (servers in all); the most writes first
-- scans: as summary.sql, and registry_servers
SELECT
    touched.*,
    known.owner AS owner, known.contact AS contact, known.lifecycle AS lifecycle,
    toUInt32(count() OVER ()) AS total
FROM
(
    SELECT
        toString(server) AS server,
        arraySort(groupUniqArrayIf(20)(toString(server_version), server_version != '')) AS versions,
        arraySort(groupUniqArrayIf(toString(risk_tier), risk_tier != '')) AS tiers,
        arraySort(groupUniqArrayArray(100)(data_domains)) AS data_domains,
        arraySort(groupUniqArrayIf(20)(toString(owner), owner != '')) AS owners,
        sum(attempts) AS calls,
        sumIf(attempts, wrote) AS writes,
        sumIf(attempts, may_have_written) AS uncertain_writes,
        min(depth) AS depth
    FROM blast_radius_from(
        call_id = {call_id:String}, server = {server:String}, version = {version:String}, agent = {agent:String}, credential = {credential:String},
        since = {since:String}, until = {until:String}, depth = {depth:UInt8}
    )
    WHERE server != ''
    GROUP BY server
) AS touched
LEFT JOIN
(
    SELECT server, argMax(owner, published_at) AS owner, argMax(contact, published_at) AS contact, argMax(lifecycle, published_at) AS lifecycle
    FROM registry_servers
    GROUP BY server
) AS known ON touched.server = known.server
ORDER BY writes DESC, calls DESC, server
LIMIT {most:UInt32}
