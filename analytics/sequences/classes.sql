-- question: Which classes of tasks does a version of the sequence model know?
-- params: version
-- out: class, tasks, calls, different_calls, contexts
-- scans: sequence_transitions of the version
SELECT
    task_class AS class,
    toFloat64(sumIf(count, context = '^')) AS tasks,
    toFloat64(sumIf(count, context = '')) AS calls,
    toUInt32(uniqExactIf(next, context = '')) AS different_calls,
    toUInt32(uniqExact(context)) AS contexts
FROM sequence_transitions FINAL
WHERE version = {version:String} AND kind = 'transition'
GROUP BY class
ORDER BY tasks DESC, class
