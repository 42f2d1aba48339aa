SELECT *, call_id FROM calls ORDER BY seq
