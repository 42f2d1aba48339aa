-- question: A server as the registry had it at a revision.
-- Parameters: revision, server. Out: at most one row. Scans: one row.
SELECT * , toUnixTimestamp64Milli(published_at) AS published_at_ms
FROM registry_servers FINAL
WHERE revision = {revision:String} AND server = {server:String}
LIMIT 1
