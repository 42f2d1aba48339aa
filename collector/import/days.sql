-- question: On which days are there spans, and how many?
-- parameters: database, table; from, to (UTC)
-- columns: day (YYYY-MM-DD), spans
-- scans: Timestamp
SELECT toString(toDate(Timestamp, 'UTC')) AS day, toUInt32(count()) AS spans
FROM {database:Identifier}.{table:Identifier}
WHERE Timestamp >= {from:DateTime64(9, 'UTC')} AND Timestamp < {to:DateTime64(9, 'UTC')}
GROUP BY day
ORDER BY day
