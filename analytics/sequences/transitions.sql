-- question: What is in a version of the sequence model?
-- params: version
-- out: class, kind, context, next, count
-- scans: sequence_transitions of the version
SELECT task_class AS class, kind, context, next, toFloat64(count) AS count
FROM sequence_transitions FINAL
WHERE version = {version:String}
