-- question: Which values did the acts of each class have at each place of these tools' arguments, before a moment?
-- params: servers, tools (one tool a position); before_ms (Unix milliseconds); most: a place with more values than that is left
--   out, since every call brings its own there; most_in_all: places with the fewest values come first, up to so many values
-- out: place (server/tool/effect and the path), class, digest, tasks
-- scans: argument_places of the tools; argument_values of their places with no more values, both by their sorting keys
SELECT place, class, digest, tasks
FROM
(
    -- Whole places: equals in the order are counted together.
    SELECT *, count() OVER (ORDER BY known, place) AS up_to
    FROM
    (
        SELECT *, count() OVER (PARTITION BY place) AS known
        FROM
        (
            SELECT concat(server, '/', tool, '/', if(effect = '', 'unknown', effect), path) AS place, toString(task_class) AS class, digest, toFloat64(uniqMerge(tasks)) AS tasks
            FROM argument_values
            WHERE (server, tool, effect, path) IN
            (
                -- About so many: what comes near is counted exactly above.
                SELECT server, tool, effect, path
                FROM argument_places
                WHERE (server, tool) IN (SELECT arrayJoin(arrayZip({servers:Array(String)}, {tools:Array(String)})))
                GROUP BY server, tool, effect, path
                HAVING uniqCombinedMerge(12)(class_values) <= 1.1 * {most:UInt32}
            )
            GROUP BY place, class, digest
            HAVING min(first_at) < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC')
        )
    )
    WHERE known <= {most:UInt32}
)
WHERE up_to <= {most_in_all:UInt32}
