-- question: Which versions of the sequence model are there?
-- params: version (empty: all); most: so many, the newest
-- out: version, built_at, learnt_from, learnt_to, tasks, task_classes, transitions, left_out (incidents), method
-- scans: sequence_models, a row an hour
SELECT version, built_at, learnt_from, learnt_to, toFloat64(tasks) AS tasks, task_classes, toFloat64(transitions) AS transitions, left_out, method
FROM sequence_models AS m FINAL
WHERE {version:String} = '' OR version = {version:String}
ORDER BY m.learnt_to DESC
LIMIT {most:UInt32}
