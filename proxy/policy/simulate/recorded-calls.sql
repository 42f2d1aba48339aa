-- question: Which calls did the rules decide in this time, and what did they say?
-- params: from, to (UTC); by_time, by_task, by_flow: whether calls that differ in this alone are told apart; max_rows
-- out: one row for each distinct combination of what the rules may depend on and what they answered; calls: how many;
--   example: the newest call's id. `answer` is what the rules said, whatever observe mode or a person made of it.
-- scans: calls from `from` to `to`, 26 columns; refusals that no rule took part in are left out
SELECT
    agent,
    principal,
    if({by_task:Bool}, task_id, '') AS task,
    task_class,
    server,
    server_version,
    method,
    tool,
    prompt,
    resource_uri,
    effect,
    trusted,
    risk_tier,
    data_domains,
    environment,
    if({by_time:Bool}, toUnixTimestamp64Milli(ts), 0) AS at_ms,
    if({by_flow:Bool}, if(empty(arg_flow_scores), 0, arrayMax(arg_flow_scores)), 0) AS flow_score,
    {by_flow:Bool} AND (arrayExists(seq -> seq > 0, arg_flow_from) OR length(arg_paths) >= 256) AS flowed,
    policy_version,
    policy_ids,
    multiIf(approval_id != '' OR reason IN ('approval_required', 'approval_denied'), 'hold', would_be != '', would_be, decision) AS answer,
    multiIf(reason IN ('approval_required', 'approval_denied'), 'rule', toString(reason)) AS why,
    sum(attempts) AS calls,
    argMax(call_id, ts) AS example
FROM calls
WHERE ts >= {from:DateTime64(6, 'UTC')} AND ts < {to:DateTime64(6, 'UTC')}
    AND basis != 'exception'
    AND reason IN ('rule', 'no_rule', 'rule_error', 'approval_required', 'approval_denied')
GROUP BY ALL
ORDER BY calls DESC, example
LIMIT {max_rows:UInt32}
