-- question: Can there be an hour of a known incident in a range?
-- params: as_of_ms, from_ms (Unix milliseconds)
-- out: some
-- scans: incident_events from three days before from_ms, which is as long as one lasts that nobody ended
SELECT toUInt8(count() > 0) AS some
FROM incident_events
WHERE occurred_at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') - INTERVAL 3 DAY AND recorded_at <= fromUnixTimestamp64Milli({as_of_ms:Int64}, 'UTC')
