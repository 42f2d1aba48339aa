ALTER TABLE registry_servers ON CLUSTER main

CREATE OR REPLACE VIEW registry_current ON CLUSTER main AS
