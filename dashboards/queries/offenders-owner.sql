-- question: Which servers in use lack an owner or a risk tier, and how much are they called?
-- Parameters: from_ms, to_ms. Out: server, owner, tier, registered, calls. Scans: the counters of the range, days and hours where they fit, registry_current.
SELECT
    name AS server,
    max(registered) AS is_registered,
    anyIf(own, own != '') AS server_owner,
    anyIf(tier, tier != '') AS server_tier,
    sum(n) AS total
FROM (
    SELECT server AS name, '' AS own, '' AS tier, 0 AS registered, sum(c.calls) AS n
    FROM calls_between(from_ms = {from_ms:Int64}, to_ms = {to_ms:Int64}, step_s = 86400) AS c
    WHERE server != '' AND basis != 'imported'
    GROUP BY server
    UNION ALL
    SELECT server AS name, owner AS own, risk_tier AS tier, 1 AS registered, 0 AS n
    FROM registry_current
    WHERE lifecycle IN ('approved', 'deprecated')
)
GROUP BY name
HAVING server_owner = '' OR server_tier = ''
ORDER BY total DESC, server
LIMIT 500
