-- question: Which rules of retention do these tables have?
-- parameters: tables
-- columns: name, engine_full (the rule is in it, behind TTL)
-- scans: system.tables
SELECT name, engine_full
FROM system.tables
WHERE database = currentDatabase() AND has({tables:Array(String)}, name)
