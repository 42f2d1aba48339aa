-- question: Which windows of a job failed after a point in time, and how often?
-- params: job, after_ms (Unix milliseconds)
-- out: end_ms (Unix milliseconds), failures
-- scans: job_runs of one job after that point
SELECT toUnixTimestamp64Milli(window_end) AS end_ms, toUInt32(uniqExact(run_id)) AS failures
FROM job_runs
WHERE job = {job:String} AND status = 'error' AND window_end > fromUnixTimestamp64Milli({after_ms:Int64}, 'UTC')
GROUP BY window_end
