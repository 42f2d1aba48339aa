-- question: From when on must each table have all of its rows?
-- columns: table_name, horizon
-- scans: retention_changes
SELECT table_name, horizon
FROM retention_horizons
ORDER BY table_name
