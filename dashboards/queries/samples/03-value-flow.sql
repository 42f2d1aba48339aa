-- question: Which arguments came out of an earlier result beside instruction-shaped text?
SELECT ts, call_id, agent, server, tool, effect, arrayMax(arg_flow_scores) AS score, arrayFirst(x -> x > 0, arg_flow_from) AS from_seq, decision
FROM calls
WHERE arrayExists(x -> x > 0.5, arg_flow_scores) AND ts > now() - INTERVAL 7 DAY
ORDER BY score DESC
LIMIT 100
