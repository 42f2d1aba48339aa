-- An act that makes a call of its task again counts no more, so every hour of the history is counted anew.
TRUNCATE TABLE sequence_blocks;
