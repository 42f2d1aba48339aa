-- question: How often did these fingerprints fire in the 30 days before?
-- Parameters: fingerprints, now_ms. Out: fingerprint, fired. Scans: alert_events of 30 days.
SELECT fingerprint, uniqExact(alert_id) AS fired
FROM alert_events
WHERE fingerprint IN {fingerprints:Array(String)} AND state = 'firing'
    AND at >= fromUnixTimestamp64Milli({now_ms:Int64}, 'UTC') - INTERVAL 30 DAY
GROUP BY fingerprint
