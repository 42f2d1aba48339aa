-- question: Which sequence model is in force at a moment?
-- params: at_ms, not_before_ms (Unix milliseconds): an older one is none; method: nor is one of another
-- out: version, learnt_from_ms, learnt_to_ms, tasks, calibration; blocks: [[Unix seconds,
--   counted_ms]] that it is made of
-- scans: sequence_models of the stretch, a row an hour
SELECT version, toUnixTimestamp64Milli(learnt_from) AS learnt_from_ms, toUnixTimestamp64Milli(learnt_to) AS learnt_to_ms, toFloat64(tasks) AS tasks, calibration,
    arrayMap(b -> (toUnixTimestamp(b.1), toUnixTimestamp64Milli(b.2)), blocks) AS blocks
FROM sequence_models FINAL
WHERE learnt_to <= fromUnixTimestamp64Milli({at_ms:Int64}, 'UTC') AND learnt_to > fromUnixTimestamp64Milli({not_before_ms:Int64}, 'UTC')
    AND method = {method:String}
ORDER BY learnt_to DESC
LIMIT 1
