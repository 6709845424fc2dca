-- Triggers take the time from the instant of the batch, not from a clock of their own: all that one transaction writes
-- agrees about the time, and whoever runs the batch owns the clock.
INSERT INTO instant (id, now_ms) VALUES (1, 0);
--> statement-breakpoint
DROP TRIGGER lease_deleted;
--> statement-breakpoint
CREATE TRIGGER lease_deleted AFTER DELETE ON lease
WHEN OLD.since IS NOT NULL
BEGIN
  INSERT INTO history (slot, domain_id, client_id, since, until, source, softwire, site, relay_path)
  VALUES (OLD.slot, OLD.domain_id, OLD.client_id, OLD.since,
          min(OLD.expires_at, (SELECT now_ms / 1000 FROM instant)),
          OLD.source, OLD.softwire, OLD.site, OLD.relay_path);
END;
--> statement-breakpoint
DROP TRIGGER pool_retired;
--> statement-breakpoint
CREATE TRIGGER pool_retired BEFORE DELETE ON pool
BEGIN
  INSERT INTO retired_pool (id, domain_id, domain_name, name, first_address, last_address, psid_offset, psid_length,
    reserved_ports, fill, psids, slots, retired_at)
  VALUES (OLD.id, OLD.domain_id, (SELECT name FROM domain WHERE id = OLD.domain_id), OLD.name, OLD.first_address,
    OLD.last_address, OLD.psid_offset, OLD.psid_length, OLD.reserved_ports, OLD.fill, OLD.psids, OLD.slots,
    (SELECT now_ms / 1000 FROM instant));
END;
--> statement-breakpoint
DROP TRIGGER lease_binding_deleted;
--> statement-breakpoint
CREATE TRIGGER lease_binding_deleted AFTER DELETE ON lease
WHEN OLD.since IS NOT NULL AND OLD.softwire IS NOT NULL
BEGIN
  INSERT INTO binding_log (version, slot, softwire, expires_at)
  VALUES (max((SELECT max(version) FROM binding_log), (SELECT now_ms / 1000 FROM instant) << 20) + 1,
          OLD.slot, OLD.softwire, OLD.expires_at);
END;
--> statement-breakpoint
DROP TRIGGER domain_border_relay_changes;
--> statement-breakpoint
CREATE TRIGGER domain_border_relay_changes AFTER UPDATE OF settings ON domain
WHEN json_extract(NEW.settings, '$.softwire.borderRelays[0]') IS NOT json_extract(OLD.settings, '$.softwire.borderRelays[0]')
BEGIN
  INSERT INTO binding_log (version)
  VALUES (max((SELECT max(version) FROM binding_log), (SELECT now_ms / 1000 FROM instant) << 20) + 1);
END;
--> statement-breakpoint
DROP TRIGGER pool_created_for_bindings;
--> statement-breakpoint
CREATE TRIGGER pool_created_for_bindings AFTER INSERT ON pool
BEGIN
  INSERT INTO binding_log (version)
  VALUES (max((SELECT max(version) FROM binding_log), (SELECT now_ms / 1000 FROM instant) << 20) + 1);
END;
--> statement-breakpoint
DROP TRIGGER pool_deleted_for_bindings;
--> statement-breakpoint
CREATE TRIGGER pool_deleted_for_bindings AFTER DELETE ON pool
BEGIN
  INSERT INTO binding_log (version)
  VALUES (max((SELECT max(version) FROM binding_log), (SELECT now_ms / 1000 FROM instant) << 20) + 1);
END;
--> statement-breakpoint
DROP TRIGGER domain_hold_shortened;
--> statement-breakpoint
CREATE TRIGGER domain_hold_shortened AFTER UPDATE OF settings ON domain
WHEN max(OLD.settings ->> '$.quarantineSeconds', OLD.settings ->> '$.offerHoldSeconds')
   > max(NEW.settings ->> '$.quarantineSeconds', NEW.settings ->> '$.offerHoldSeconds')
BEGIN
  INSERT INTO longer_hold (domain_id, seconds, until)
  VALUES (OLD.id, max(OLD.settings ->> '$.quarantineSeconds', OLD.settings ->> '$.offerHoldSeconds'),
          (SELECT now_ms / 1000 FROM instant) + (OLD.settings ->> '$.leaseSeconds.max')
          + max(OLD.settings ->> '$.quarantineSeconds', OLD.settings ->> '$.offerHoldSeconds'))
  ON CONFLICT (domain_id) DO UPDATE SET seconds = max(seconds, excluded.seconds), until = max(until, excluded.until);
END;
--> statement-breakpoint
-- Allocators of the release before go on serving a database that is migrated, and their writes set no instant: it would
-- stay that of the migration. What they change of the configuration they record with its time, so the record sets the
-- instant. It comes after the change, whose own entry in the log may be too old by then: so all that consumers of the
-- binding table know is out of date. Before a pool loses its leases, its closing is recorded, in a transaction of its own.
CREATE TRIGGER instant_of_earlier_release AFTER INSERT ON audit
WHEN NEW.at > (SELECT now_ms / 1000 FROM instant)
BEGIN
  INSERT INTO binding_log (version)
  VALUES (max((SELECT max(version) FROM binding_log), NEW.at << 20) + 1);
  UPDATE longer_hold SET until = max(until, NEW.at + (NEW.before ->> '$.leaseSeconds.max') + seconds)
  WHERE NEW.resource = 'domain' AND NEW.before IS NOT NULL
    AND domain_id = (SELECT id FROM domain WHERE name = NEW.name);
  UPDATE instant SET now_ms = NEW.at * 1000;
END;
