-- question: The last run of each analytics job, and what its runs of the last day came to.
-- Parameters: now_ms. Out: one row a job. Scans: job_runs of a day.
SELECT
    job,
    argMax(status, finished_at) AS last_status,
    argMax(error, finished_at) AS last_error,
    toUnixTimestamp64Milli(max(finished_at)) AS last_ms,
    count() AS runs,
    countIf(status != 'ok') AS failures,
    sum(findings) AS found
FROM job_runs
WHERE finished_at >= fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC') - INTERVAL 1 DAY
GROUP BY job
ORDER BY job
