-- A pool that is deleted leaves what its slots meant behind: history names them by number.
CREATE TRIGGER pool_retired BEFORE DELETE ON pool
BEGIN
  INSERT INTO retired_pool (id, domain_id, domain_name, name, first_address, last_address, psid_offset, psid_length,
    reserved_ports, fill, psids, slots, retired_at)
  VALUES (OLD.id, OLD.domain_id, (SELECT name FROM domain WHERE id = OLD.domain_id), OLD.name, OLD.first_address,
    OLD.last_address, OLD.psid_offset, OLD.psid_length, OLD.reserved_ports, OLD.fill, OLD.psids, OLD.slots,
    unixepoch());
END;
--> statement-breakpoint
-- A pool that is drained is on no list of pools for offers, so allocators have to know.
CREATE TRIGGER pool_drained AFTER UPDATE OF drain_until ON pool
WHEN NEW.drain_until IS NOT OLD.drain_until
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER reservation_created AFTER INSERT ON reservation
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER reservation_changed AFTER UPDATE ON reservation
BEGIN UPDATE configuration SET revision = revision + 1; END;
--> statement-breakpoint
CREATE TRIGGER reservation_deleted AFTER DELETE ON reservation
BEGIN UPDATE configuration SET revision = revision + 1; END;
