-- question: Up to where has a job succeeded?
-- params: job
-- out: runs, end_ms (Unix milliseconds)
-- scans: job_runs of one job, some hundred thousand rows a year
SELECT toUInt32(count()) AS runs, toUnixTimestamp64Milli(max(window_end)) AS end_ms
FROM job_runs
WHERE job = {job:String} AND status = 'ok'
