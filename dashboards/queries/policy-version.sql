-- question: The policy set that a decision refers to, whole.
-- Parameters: version. Out: at most one row. Scans: one row.
SELECT rules, toUnixTimestamp64Milli(published_at) AS published_at_ms
FROM policy_versions FINAL
WHERE version = {version:String}
LIMIT 1
