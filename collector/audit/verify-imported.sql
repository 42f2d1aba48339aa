-- question: How many calls were imported, and so are in no chain?
-- parameters: since (received at or after)
-- columns: calls, services
-- scans: producer and basis of calls
SELECT toUInt32(count()) AS calls, toUInt32(uniqExact(producer)) AS services
FROM calls
WHERE ts >= {since:DateTime64(6, 'UTC')} AND basis = 'imported' AND startsWith(producer, 'import:')
