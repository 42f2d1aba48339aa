-- question: Which windows has each detector's job evaluated, newest first?
-- Parameters: since, until (ms), jobs. Out: job, end_ms. Scans: job_runs of the look-back, some thousand rows.
SELECT job, toUnixTimestamp64Milli(window_end) AS end_ms
FROM job_runs
WHERE job IN {jobs:Array(String)} AND status = 'ok' AND window_end >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
  AND window_end <= fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')
GROUP BY job, window_end
ORDER BY job, window_end DESC
LIMIT 200 BY job
