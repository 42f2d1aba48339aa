-- id: owner_and_tier
-- version: 2
-- title: Servers with an owner and a risk tier, by team, server and environment
-- unit: share
-- definition: The same servers. A server that has no owner is nobody's, so it lowers no team's number and stands under none;
--   one that is in several environments counts in each. Environments are the registry's, and for a server that it doesn't
--   know those that its calls were recorded with.
-- question: In which team and environment do active servers lack an owner or a risk tier?
-- params: period_end_ms, as_of_ms (Unix milliseconds)
-- out: dimension (team, server, environment), name ('' for none); numerator, denominator, value
-- scans: the counters of 30 days, days where they fit; registry_servers of one revision
WITH
    fromUnixTimestamp64Milli(least({period_end_ms:Int64}, {as_of_ms:Int64}), 'UTC') AS until,
    registry AS
    (
        SELECT
            server,
            if(owner_kind = 'team' AND empty(owner_members), '', owner) AS owner,
            toString(risk_tier) AS tier,
            toString(lifecycle) AS lifecycle,
            environments
        FROM registry_servers FINAL
        WHERE revision = (
            SELECT if(countIf(published_at <= until) > 0, argMaxIf(revision, published_at, published_at <= until), argMin(revision, published_at))
            FROM registry_servers
        )
    ),
    traffic AS
    (
        SELECT toString(server) AS server, sumIf(calls, decision = 'allow') AS allowed_calls, groupUniqArrayIf(toString(environment), environment != '') AS seen_in
        FROM calls_between(
            from_ms = intDiv(least({period_end_ms:Int64}, {as_of_ms:Int64}) - 2592000000 + 59999, 60000) * 60000,
            to_ms = least({period_end_ms:Int64}, {as_of_ms:Int64}),
            step_s = 86400
        ) AS c
        WHERE c.server != '' AND c.basis != 'imported'
        GROUP BY server
    ),
    active AS
    (
        SELECT
            if(registry.server != '', registry.server, traffic.server) AS name,
            owner,
            owner != '' AND tier != '' AS complete,
            if(registry.server != '', environments, seen_in) AS places
        FROM registry
        FULL OUTER JOIN traffic ON registry.server = traffic.server
        WHERE lifecycle IN ('approved', 'deprecated') OR allowed_calls > 0
    )
SELECT
    part.1 AS dimension,
    part.2 AS name,
    toFloat64(sum(complete)) AS numerator,
    toFloat64(count()) AS denominator,
    numerator / denominator AS value
FROM (SELECT name AS server, owner, complete, places FROM active)
ARRAY JOIN arrayConcat([('team', owner), ('server', server)], arrayMap(place -> ('environment', place), if(empty(places), [''], places))) AS part
GROUP BY dimension, name
ORDER BY dimension, name
