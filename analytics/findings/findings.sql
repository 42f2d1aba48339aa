-- question: What did the detectors find in windows that ended in a stretch of time?
-- params: from_ms, to_ms (Unix milliseconds, the end included); detector ('' for all)
-- out: the columns of findings; times in Unix milliseconds
-- scans: findings of that stretch, at most 5,000 out, the strongest first
SELECT
    finding_id, detector, detector_version,
    toUnixTimestamp64Milli(detected_at) AS detected_at_ms,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toUnixTimestamp64Milli(window_end) AS window_end_ms,
    entity_kind, entity, server, tool, agent, task_class, severity, score, unit, actual, expected, expected_low,
    expected_high, toUInt32(sample_size) AS sample_size, title, summary, contributors, call_ids, evidence_sql,
    evidence_params, data_health
FROM findings FINAL
WHERE window_end > fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
    AND window_end <= fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND ({detector:String} = '' OR detector = {detector:String})
ORDER BY window_end DESC, score DESC, finding_id
LIMIT 5000
