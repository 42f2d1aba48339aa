-- question: What was kept of one call's payloads?
-- parameters: producer, seq
-- columns: those of payloads
-- scans: the granules of the call in each day
SELECT producer, seq, kind, ts, trace_id, server, method, tool, risk_tier, content_type, size, truncated, key_id, body
FROM payloads FINAL
WHERE producer = {producer:String} AND seq = {seq:UInt64}
ORDER BY kind
