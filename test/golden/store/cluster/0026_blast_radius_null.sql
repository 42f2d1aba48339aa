CREATE OR REPLACE VIEW blast_radius_from ON CLUSTER main AS
