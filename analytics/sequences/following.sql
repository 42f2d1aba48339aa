-- question: What follows what in the tasks of a class, the most frequent or the rarest first?
-- params: version, class; context (the calls before, one a line; empty: every single call and the start); rarest (1: these
--   first); most: so many
-- out: context, next, seen (so often did next follow), of (so often was the class there)
-- scans: sequence_transitions of the version and class
SELECT context, next, seen, of
FROM
(
    SELECT context, toString(next) AS next, toFloat64(count) AS seen, toFloat64(sum(count) OVER (PARTITION BY context)) AS of
    FROM sequence_transitions FINAL
    WHERE version = {version:String} AND task_class = {class:String} AND kind = 'transition'
        AND if({context:String} = '', context != '' AND position(context, '\n') = 0, context = {context:String})
)
ORDER BY if({rarest:UInt8} = 1, seen, -seen), if({rarest:UInt8} = 1, seen / of, -seen / of), context, next
LIMIT {most:UInt32}
