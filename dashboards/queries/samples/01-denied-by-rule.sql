-- question: Which rules refused calls in the last day, and whom?
SELECT arrayJoin(if(empty(policy_ids), ['(no rule)'], policy_ids)) AS rule, agent, server, tool, sum(attempts) AS denied, max(ts) AS latest
FROM calls
WHERE decision = 'deny' AND ts > now() - INTERVAL 1 DAY
GROUP BY rule, agent, server, tool
ORDER BY denied DESC
LIMIT 50
