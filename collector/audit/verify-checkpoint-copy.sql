-- question: Which entries of a checkpoint log does the store have?
-- parameters: log
-- columns: idx, event_hash
-- scans: audit_checkpoints
SELECT toString(idx) AS idx, event_hash
FROM audit_checkpoints FINAL
WHERE log = {log:String}
ORDER BY audit_checkpoints.idx
