-- question: What do `calls` and the spans say about one record?
-- parameters: producer, seq
-- columns: side ('calls' or 'spans') and every column of `calls`
-- scans: both for one record
SELECT 'calls' AS side, * FROM calls WHERE producer = {producer:String} AND seq = {seq:UInt64}
UNION ALL
SELECT 'spans' AS side, * EXCEPT leaves FROM calls_from_spans WHERE producer = {producer:String} AND seq = {seq:UInt64}
