-- question: How surprising was each call of a task?
-- params: task_id; version (empty: for each call the one that it was scored by last); most: so many calls, from the first
-- out: call_id, ts, agent, class, position, context, next, seen, seen_context, bits, after_untrusted_bits, argument_bits, task_score, model_version
-- scans: sequence_scores of the task, by its index
SELECT
    concat(producer, '-', toString(seq)) AS call_id, ts, toString(agent) AS agent, toString(task_class) AS class, position, context, toString(next) AS next,
    toFloat64(seen) AS seen, toFloat64(seen_context) AS seen_context, bits, after_untrusted_bits, argument_bits, task_score, toString(model_version) AS model_version
FROM
(
    SELECT *
    FROM sequence_scores FINAL
    WHERE task_id = {task_id:String} AND ({version:String} = '' OR model_version = {version:String})
    ORDER BY scored_at DESC, model_version DESC
    LIMIT 1 BY producer, seq
)
ORDER BY ts, seq
LIMIT {most:UInt32}
