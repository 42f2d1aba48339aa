-- question: What was changed on purpose in a window or shortly before it?
-- params: before_from_ms, near_from_ms, window_end_ms (Unix milliseconds); server ('' for all)
-- out: at_ms, what; a version is a change where calls met another one of its kind before; the six latest, oldest first
-- scans: calls of one server, or of all, from before_from to window_end, 5 columns; control_events of the same stretch
WITH
    fromUnixTimestamp64Milli({before_from_ms:Int64}, 'UTC') AS before_from,
    fromUnixTimestamp64Milli({near_from_ms:Int64}, 'UTC') AS near_from,
    fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC') AS window_end
SELECT at_ms, what
FROM
(
    SELECT toUnixTimestamp64Milli(at) AS at_ms, what
    FROM
    (
        SELECT toDateTime64(first, 3, 'UTC') AS at, concat(kind, ' ', version) AS what
        FROM
        (
            SELECT kind, version, first, min(first) OVER (PARTITION BY kind) AS oldest
            FROM
            (
                SELECT part.1 AS kind, part.2 AS version, min(ts) AS first
                FROM calls
                ARRAY JOIN [
                    ('policy version', toString(policy_version)),
                    ('registry revision', toString(registry_revision)),
                    (concat('version of ', server), toString(server_version))
                ] AS part
                WHERE ts >= before_from AND ts < window_end AND part.2 != ''
                    AND ({server:String} = '' OR server = {server:String})
                GROUP BY kind, version
            )
        )
        WHERE first > oldest AND first >= near_from
        UNION ALL
        SELECT at, concat(kind, ' ', subject) AS what
        FROM control_events
        WHERE at >= near_from AND at < window_end
            AND kind IN ('files.refused', 'tool.seen', 'exception.granted', 'exception.revoked', 'stop.set', 'stop.cleared', 'tool.approved')
            -- A tool that is seen for the first time has not changed, and one of another server doesn't matter here.
            AND NOT (kind = 'tool.seen' AND JSONExtractString(json, 'change') = 'first')
            AND (kind != 'tool.seen' OR {server:String} = '' OR startsWith(subject, concat({server:String}, '/')))
        LIMIT 1 BY journal, seq
    )
    ORDER BY at_ms DESC, what
    LIMIT 6
)
ORDER BY at_ms, what
