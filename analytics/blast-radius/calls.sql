-- question: Which calls were reached, each by which way?
-- params: call_id, server, version, agent, credential ('' for any); since, until (UTC, '' for open: when the seeds began); depth
--   (pieces of work that read what was written, so many times over);
--   writes_only (1: only those that wrote or may have), most (so many rows)
-- out: depth, edge, via, named, piece, ts, call_id, agent, principal, server, server_version, method, target (tool, prompt or
--   resource), effect, risk_tier, data_domains, decision, outcome, wrote, may_have_written, attempts; in the order of the ways
-- scans: as summary.sql
SELECT
    depth, edge, via, named, piece, ts, call_id, agent, principal, server, server_version, method,
    multiIf(tool != '', toString(tool), prompt != '', toString(prompt), resource_uri) AS target,
    effect, risk_tier, data_domains, decision, outcome, wrote, may_have_written, attempts
FROM blast_radius_from(
    call_id = {call_id:String}, server = {server:String}, version = {version:String}, agent = {agent:String}, credential = {credential:String},
    since = {since:String}, until = {until:String}, depth = {depth:UInt8}
)
WHERE NOT {writes_only:Bool} OR wrote OR may_have_written
ORDER BY depth, ts, seq
LIMIT {most:UInt32}
