-- question: What did the busiest task of the last hour do, in order?
WITH (SELECT task_id FROM calls WHERE ts > now() - INTERVAL 1 HOUR AND task_id != '' GROUP BY task_id ORDER BY sum(attempts) DESC LIMIT 1) AS task
SELECT ts, call_id, agent, server, tool, effect, decision, attempts, outcome, duration_us
FROM calls
WHERE task_id = task
ORDER BY ts
LIMIT 500
