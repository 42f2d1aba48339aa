-- question: Which anchors have taken no checkpoint for long, although there were some to take?
-- params: look_back_from_ms, window_start_ms, window_end_ms (Unix milliseconds); failing_for_ms; anchor: one, '' for all
-- out: anchor; log: of several, the one that is behind for longest; actual: minutes; expected: 0; since_ms: the first figure without
--   a checkpoint taken, at the earliest the look-back's; failures; behind: checkpoints; skipped: left out for good; last_error
-- scans: audit_anchors of the look-back, a row an anchor and minute
WITH
    told AS
    (
        SELECT
            log, anchor, at, head_idx, anchored_idx, skipped, failures, last_error,
            failures = 0 AND (anchored_idx >= head_idx OR anchored_idx > lagInFrame(anchored_idx, 1, anchored_idx) OVER (PARTITION BY log, anchor ORDER BY at)) AS took
        FROM audit_anchors
        WHERE at >= fromUnixTimestamp64Milli({look_back_from_ms:Int64}, 'UTC')
          AND at < fromUnixTimestamp64Milli({window_end_ms:Int64}, 'UTC')
          AND ({anchor:String} = '' OR anchor = {anchor:String})
    ),
    stalled AS
    (
        SELECT
            log,
            anchor,
            toUnixTimestamp64Milli(max(at)) AS last_ms,
            toUnixTimestamp64Milli(arrayMin(arrayFilter(t -> t > maxIf(at, took), groupArray(at)))) AS since_ms,
            argMax(failures, at) AS failures,
            argMax(head_idx - least(anchored_idx, head_idx), at) AS behind,
            argMax(skipped, at) AS skipped,
            argMax(last_error, at) AS last_error
        FROM told
        GROUP BY log, anchor
        -- An anchor that nobody uses any more, or whose proxy has stopped, is none that fails.
        HAVING max(at) >= fromUnixTimestamp64Milli({window_start_ms:Int64}, 'UTC') AND max(at) > maxIf(at, took)
    )
SELECT
    anchor,
    log,
    toFloat64((last_ms - since_ms) / 60000) AS actual,
    toFloat64(0) AS expected,
    since_ms,
    toUInt32(failures) AS failures,
    toFloat64(behind) AS behind,
    toFloat64(skipped) AS skipped,
    last_error
FROM stalled
WHERE last_ms - since_ms >= {failing_for_ms:Int64}
ORDER BY actual DESC, anchor, log
LIMIT 1 BY anchor
