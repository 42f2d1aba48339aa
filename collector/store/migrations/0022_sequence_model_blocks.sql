-- Which counted blocks a version of the sequence model is made of, so that the next one is made of it by those that came and
-- those that went. Empty for a version from before: the next one then begins anew, from the newest hours.
ALTER TABLE sequence_models ADD COLUMN IF NOT EXISTS blocks Array(Tuple(block DateTime('UTC'), counted_at DateTime64(3, 'UTC')));
