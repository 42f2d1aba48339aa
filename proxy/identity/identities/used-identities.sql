-- question: Which credentials were tool calls made with, at which servers, and by whom?
-- Parameters: since_ms. Out: server, credential (a key's id; access_tokens, task_tokens, client_certificates and anonymous stand for all of their kind),
-- calls, agents (at most ten), agent_count, last_used_ms; at most 10000 rows.
-- Scans: the calls since then.
SELECT
    server,
    multiIf(
        credential_id IN ('', '(anonymous)'), 'anonymous',
        startsWith(credential_id, 'at-'), 'access_tokens',
        startsWith(credential_id, 'tk-'), 'task_tokens',
        startsWith(credential_id, 'x5-'), 'client_certificates',
        toString(credential_id)) AS credential,
    toFloat64(sum(attempts)) AS calls,
    arraySort(groupUniqArray(10)(toString(agent))) AS agents,
    toUInt32(uniqExact(agent)) AS agent_count,
    toFloat64(toUnixTimestamp64Milli(toDateTime64(max(ts), 3, 'UTC'))) AS last_used_ms
FROM calls
WHERE method = 'tools/call' AND decision = 'allow' AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
GROUP BY server, credential
ORDER BY server, credential
LIMIT 10000
