-- question: Whose are these calls, and when were they made?
-- params: call_ids, seqs (their sequence numbers, which an index knows); from_ms, to_ms (Unix milliseconds)
-- out: call_id, at_ms, agent, task_id
-- scans: calls from from_ms to to_ms whose granules can hold these numbers
SELECT concat(producer, '-', toString(seq)) AS call_id, toUnixTimestamp64Milli(ts) AS at_ms, toString(agent) AS agent, task_id
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND seq IN {seqs:Array(UInt64)} AND has({call_ids:Array(String)}, concat(producer, '-', toString(seq)))
