ALTER TABLE sequence_models ON CLUSTER main ADD COLUMN IF NOT EXISTS blocks Array(Tuple(block DateTime('UTC'), counted_at DateTime64(3, 'UTC')))
