-- question: What did the detectors find in the range, newest first?
-- Parameters: from_ms, to_ms, detector, finding_id (empty: all), limit. Out: finding columns. Scans: findings.
SELECT
    finding_id, detector, detector_version,
    toUnixTimestamp64Milli(detected_at) AS detected_at_ms,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toUnixTimestamp64Milli(window_end) AS window_end_ms,
    entity_kind, entity, server, tool, agent, task_class, severity, score, unit, actual, expected, expected_low,
    expected_high, sample_size, title, summary, contributors, call_ids, evidence_sql, evidence_params, data_health
FROM findings FINAL
WHERE ({finding_id:String} != '' OR (window_end >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND window_end < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')))
    AND ({detector:String} = '' OR detector = {detector:String})
    AND ({finding_id:String} = '' OR finding_id = {finding_id:String})
ORDER BY window_end DESC, score DESC, finding_id
LIMIT {limit:UInt32}
