-- question: Everything that is recorded of one call.
-- Parameters: producer, seq. Out: at most one row. Scans: the seq's granules in every partition.
SELECT
    *, call_id, toUnixTimestamp64Micro(ts) AS ts_us
FROM calls
WHERE producer = {producer:String} AND seq = {seq:UInt64}
LIMIT 1
