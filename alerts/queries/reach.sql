-- question: How far does it reach: who and what is in the calls of a finding's window?
-- Parameters: from_ms, to_ms, entity_kind, entity, server, tool, agent, task_class. Out: one row. Scans: calls of the window.
SELECT
    sumIf(attempts, hit) AS calls,
    uniqExactIf(work, hit AND work != '') AS tasks,
    uniqExactIf(agent, hit) AS agent_count,
    uniqExactIf(principal, hit) AS principals,
    uniqExactIf(server, hit) AS server_count,
    sumIf(attempts, hit AND risk_tier = 'high') AS high_risk_calls,
    sumIf(attempts, hit AND decision = 'deny') AS denied,
    sumIf(attempts, hit AND decision = 'hold') AS held,
    if(count() = 0, 0, sumIf(attempts, hit) / sum(attempts)) AS share_of_calls,
    anyIf(risk_tier, hit AND risk_tier != '') AS top_tier,
    anyIf(environment, hit AND environment != '') AS some_environment
FROM (
    SELECT
        *,
        -- A piece of work is its task; where agents have none, the trace or the session that the analytics went by.
        multiIf(task_id != '', task_id, parent_span_id != '', trace_id, session_id) AS work,
        ({entity_kind:String} != 'task' OR work = {entity:String})
        AND ({entity_kind:String} != 'producer' OR producer = {entity:String})
        AND ({server:String} = '' OR server = {server:String})
        AND ({tool:String} = '' OR tool = {tool:String})
        AND ({agent:String} = '' OR agent = {agent:String})
        AND ({task_class:String} = '' OR task_class = {task_class:String}) AS hit
    FROM calls
    WHERE ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    LIMIT 1 BY producer, seq
)
