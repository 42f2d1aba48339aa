-- question: How many calls did each class of tasks make?
-- params: history_from_ms, window_start_ms (Unix milliseconds)
-- out: class, calls
-- scans: the counters of the history, hours where they fit
SELECT if(c.task_class != '', toString(c.task_class), concat('agent:', c.agent)) AS class, toFloat64(sum(c.calls)) AS calls
FROM calls_between(from_ms = {history_from_ms:Int64}, to_ms = {window_start_ms:Int64}, step_s = 86400) AS c
WHERE c.method = 'tools/call' AND c.tool != '' AND c.basis != 'imported'
GROUP BY class
ORDER BY class
