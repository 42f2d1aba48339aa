-- question: Which calls match, newest first, after the cursor? An empty filter matches everything.
-- Parameters: from_ms, to_ms, the filters, cursor_us (0: from the start), cursor_id, limit. Out: list columns.
-- Scans: calls of the range; the console asks for the newest stretch first. Repeats of at-least-once delivery are dropped.
SELECT
    call_id,
    toUnixTimestamp64Micro(ts) AS ts_us,
    agent, principal, server, tool, method, effect, risk_tier, task_id, task_class, decision, basis, policy_ids, reason,
    mode, would_be, attempts, outcome, error_type, duration_us, proxy_us, upstream_us, result_bytes, handling
FROM calls
WHERE ts >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND ts < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    AND ({agent:String} = '' OR agent = {agent:String})
    AND ({principal:String} = '' OR principal = {principal:String})
    AND ({server:String} = '' OR server = {server:String})
    AND ({tool:String} = '' OR tool = {tool:String})
    AND ({method:String} = '' OR method = {method:String})
    AND ({decision:String} = '' OR decision = {decision:String})
    AND ({basis:String} = '' OR basis = {basis:String})
    AND ({outcome:String} = '' OR outcome = {outcome:String})
    AND ({rule:String} = '' OR has(policy_ids, {rule:String}))
    AND ({task:String} = '' OR task_id = {task:String})
    AND ({task_class:String} = '' OR task_class = {task_class:String})
    AND ({tier:String} = '' OR risk_tier = {tier:String})
    AND ({cursor_us:Int64} = 0 OR (toUnixTimestamp64Micro(ts), call_id) < ({cursor_us:Int64}, {cursor_id:String}))
ORDER BY ts DESC, call_id DESC
LIMIT 1 BY producer, seq
LIMIT {limit:UInt32}
