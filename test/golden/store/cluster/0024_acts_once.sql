TRUNCATE TABLE sequence_blocks ON CLUSTER main
