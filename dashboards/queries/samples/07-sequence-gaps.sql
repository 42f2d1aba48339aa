-- question: Is any producer's register incomplete in the last day?
SELECT producer, min(seq) AS first_seq, max(seq) AS last_seq, uniqExact(seq) AS present, last_seq - first_seq + 1 - present AS missing
FROM calls
WHERE ts > now() - INTERVAL 1 DAY AND basis != 'imported'
GROUP BY producer
ORDER BY missing DESC
