-- question: Which calls were let through while nothing could be recorded?
-- parameters: since (counted at or after); producer ('' for all); limit (rows returned)
-- columns: producer, server, agent, decision, calls, at_least (1: their process was killed and may have let through more),
--   first_us, last_us (Unix microseconds)
-- scans: calls by outcome from `since` on
SELECT
    producer, server, agent, decision,
    attempts AS calls,
    error_type != 'unrecorded' AS at_least,
    toString(toUnixTimestamp64Micro(ts)) AS first_us,
    toString(toUnixTimestamp64Micro(ts) + duration_us) AS last_us
FROM calls
WHERE outcome = 'unrecorded' AND ts >= {since:DateTime64(6, 'UTC')} AND ({producer:String} = '' OR producer = {producer:String})
ORDER BY ts, producer, seq
LIMIT {limit:UInt32}
