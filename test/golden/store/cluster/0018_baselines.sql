CREATE OR REPLACE VIEW incident_hours ON CLUSTER main AS

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS model_version LowCardinality(String)

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS hour DateTime('UTC')

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS level LowCardinality(String)

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS hours_alike UInt32

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS calls UInt64

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS own_centre Float64

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS parent_kind LowCardinality(String)

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS parent String

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS parent_centre Float64

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS weight Float64

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS shifted_at Nullable(DateTime64(3, 'UTC'))

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS level_before Float64

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS level_after Float64

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS hours_left_out UInt32

ALTER TABLE baselines ON CLUSTER main ADD COLUMN IF NOT EXISTS incidents Array(String)
