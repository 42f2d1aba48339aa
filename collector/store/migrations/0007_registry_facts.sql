-- What the registry says of a server beyond 0004: how it ends, which versions run side by side, its credential by name and
-- date, and the whole entry, so that the revision of a call can be explained exactly.
ALTER TABLE registry_servers
    ADD COLUMN IF NOT EXISTS description String,
    ADD COLUMN IF NOT EXISTS mode LowCardinality(String),
    ADD COLUMN IF NOT EXISTS owner_kind LowCardinality(String),
    ADD COLUMN IF NOT EXISTS owner_members Array(String),
    ADD COLUMN IF NOT EXISTS sunset Nullable(Date),
    ADD COLUMN IF NOT EXISTS replaced_by String,
    ADD COLUMN IF NOT EXISTS credential String,
    ADD COLUMN IF NOT EXISTS credential_rotated_at Nullable(Date),
    ADD COLUMN IF NOT EXISTS credential_rotate_every_days UInt32,
    ADD COLUMN IF NOT EXISTS rollout_versions Array(String),
    ADD COLUMN IF NOT EXISTS rollout_weights Array(UInt8),
    ADD COLUMN IF NOT EXISTS tools Array(String),
    ADD COLUMN IF NOT EXISTS tool_effects Array(String),
    ADD COLUMN IF NOT EXISTS entry String;

-- A view keeps the columns that were there when it was made, so it is made again.
CREATE OR REPLACE VIEW registry_current AS
SELECT *
FROM registry_servers FINAL
WHERE revision = (SELECT argMax(revision, published_at) FROM registry_servers);
