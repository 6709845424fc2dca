INSERT INTO configuration (id, revision) VALUES (1, 1);
--> statement-breakpoint
-- A tenure that ends is recorded in the transaction that ends it: no statement can forget to.
-- It ended when the row was changed, or at the lease's expiry if nobody touched the row since.
CREATE TRIGGER lease_tenure_ends AFTER UPDATE OF since, client_id ON lease
WHEN OLD.since IS NOT NULL AND (NEW.since IS NOT OLD.since OR NEW.client_id IS NOT OLD.client_id)
BEGIN
  INSERT INTO history (slot, domain_id, client_id, since, until, source, softwire, site, relay_path)
  VALUES (OLD.slot, OLD.domain_id, OLD.client_id, OLD.since, min(OLD.expires_at, NEW.updated_at),
          OLD.source, OLD.softwire, OLD.site, OLD.relay_path);
END;
--> statement-breakpoint
CREATE TRIGGER lease_deleted AFTER DELETE ON lease
WHEN OLD.since IS NOT NULL
BEGIN
  INSERT INTO history (slot, domain_id, client_id, since, until, source, softwire, site, relay_path)
  VALUES (OLD.slot, OLD.domain_id, OLD.client_id, OLD.since, min(OLD.expires_at, unixepoch()),
          OLD.source, OLD.softwire, OLD.site, OLD.relay_path);
END;
--> statement-breakpoint
-- Allocators keep domains and pools in memory. The revision tells them, inside the transaction of a batch, that
-- what they know is no longer so. The cursor of a pool is not configuration.
CREATE TRIGGER domain_created AFTER INSERT ON domain
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER domain_changed AFTER UPDATE ON domain
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER domain_deleted AFTER DELETE ON domain
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER pool_created AFTER INSERT ON pool
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER pool_changed AFTER UPDATE OF domain_id, name, first_address, last_address, psid_offset, psid_length,
  reserved_ports, fill, options, psids, slots ON pool
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER pool_deleted AFTER DELETE ON pool
BEGIN UPDATE configuration SET revision = revision + 1; END;
