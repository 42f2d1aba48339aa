CREATE OR REPLACE VIEW blast_radius_from ON CLUSTER main AS

CREATE OR REPLACE VIEW blast_radius ON CLUSTER main AS

CREATE OR REPLACE VIEW blast_radius_of_server ON CLUSTER main AS

CREATE OR REPLACE VIEW blast_radius_of_agent ON CLUSTER main AS

CREATE OR REPLACE VIEW blast_radius_of_credential ON CLUSTER main AS

CREATE OR REPLACE VIEW blast_radius_of_time ON CLUSTER main AS
