-- id: owner_and_tier
-- version: 2
-- title: Servers with an owner and a risk tier
-- unit: share
-- definition: Active servers that the registry gives a named owner and a risk tier, out of all active servers. Active is a
--   server that is approved or deprecated, or to which a call was allowed in the 30 days before the period's end, whether
--   or not the registry knows it. The registry is the revision in force at the period's end, or the first one ever
--   published where that is later. Names that were only ever
--   refused are listed, not counted: nothing answers under them. Imported calls make no server active, because another
--   gateway's names are not this registry's. A team that nobody is in owns nothing: there is no one to ask.
-- question: How many of the active servers have an owner and a risk tier?
-- params: period_end_ms, as_of_ms (Unix milliseconds)
-- out: numerator, denominator, value; owner_share, tier_share, call_weighted_share, offenders, refused_unregistered
-- scans: the counters of 30 days, days where they fit; registry_servers of one revision
WITH
    fromUnixTimestamp64Milli(least({period_end_ms:Int64}, {as_of_ms:Int64}), 'UTC') AS until,
    registry AS
    (
        SELECT server, if(owner_kind = 'team' AND empty(owner_members), '', owner) AS owner, toString(risk_tier) AS tier, toString(lifecycle) AS lifecycle
        FROM registry_servers FINAL
        WHERE revision = (
            SELECT if(countIf(published_at <= until) > 0, argMaxIf(revision, published_at, published_at <= until), argMin(revision, published_at))
            FROM registry_servers
        )
    ),
    traffic AS
    (
        SELECT toString(server) AS server, sum(calls) AS all_calls, sumIf(calls, decision = 'allow') AS allowed_calls
        FROM calls_between(
            from_ms = intDiv(least({period_end_ms:Int64}, {as_of_ms:Int64}) - 2592000000 + 59999, 60000) * 60000,
            to_ms = least({period_end_ms:Int64}, {as_of_ms:Int64}),
            step_s = 86400
        ) AS c
        WHERE c.server != '' AND c.basis != 'imported'
        GROUP BY server
    ),
    servers AS
    (
        SELECT
            if(registry.server != '', registry.server, traffic.server) AS name,
            owner != '' AS has_owner,
            tier != '' AS has_tier,
            registry.server != '' AS registered,
            all_calls,
            lifecycle IN ('approved', 'deprecated') OR allowed_calls > 0 AS active
        FROM registry
        FULL OUTER JOIN traffic ON registry.server = traffic.server
    )
SELECT
    toFloat64(countIf(active AND has_owner AND has_tier)) AS numerator,
    toFloat64(countIf(active)) AS denominator,
    numerator / greatest(1, denominator) AS value,
    countIf(active AND has_owner) / greatest(1, denominator) AS owner_share,
    countIf(active AND has_tier) / greatest(1, denominator) AS tier_share,
    sumIf(all_calls, active AND has_owner AND has_tier) / greatest(1, sumIf(all_calls, active)) AS call_weighted_share,
    arraySort(groupArrayIf(20)(name, active AND NOT (has_owner AND has_tier))) AS offenders,
    arraySort(groupArrayIf(20)(name, NOT registered AND NOT active)) AS refused_unregistered
FROM servers
