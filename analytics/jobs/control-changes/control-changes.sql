-- question: What was changed about the control plane in the window that somebody should know of?
-- params: window_start_ms, window_end_ms (Unix milliseconds); kind, subject: one matter, '' for all
-- out: kind; subject: the server, tool, file set, exception or stop it is about; actual: how often; expected: 0; at_ms:
--   the last time; by: who or what caused it; event: the last one's JSON
-- scans: control_events of the window
SELECT
    kind,
    subject,
    toFloat64(uniqExact(seq)) AS actual,
    toFloat64(0) AS expected,
    toUnixTimestamp64Milli(max(at)) AS at_ms,
    argMax(by, seq) AS by,
    argMax(json, seq) AS event
FROM control_events
WHERE at >= fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC')
  AND at < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
  AND kind IN ('files.refused', 'tool.seen', 'exception.granted', 'stop.set')
  AND ({kind:String} = '' OR kind = {kind:String})
  AND ({subject:String} = '' OR subject = {subject:String})
GROUP BY kind, subject
ORDER BY kind, subject
