-- A tenure is recorded with its first and its last relay path.
DROP TRIGGER lease_tenure_ends;
--> statement-breakpoint
CREATE TRIGGER lease_tenure_ends AFTER UPDATE OF since, client_id ON lease
WHEN OLD.since IS NOT NULL AND (NEW.since IS NOT OLD.since OR NEW.client_id IS NOT OLD.client_id)
BEGIN
  INSERT INTO history (slot, domain_id, client_id, since, until, source, softwire, site, relay_path, first_relay_path)
  VALUES (OLD.slot, OLD.domain_id, OLD.client_id, OLD.since, min(OLD.expires_at, NEW.updated_at),
          OLD.source, OLD.softwire, OLD.site, OLD.relay_path, OLD.first_relay_path);
END;
--> statement-breakpoint
DROP TRIGGER lease_deleted;
--> statement-breakpoint
CREATE TRIGGER lease_deleted AFTER DELETE ON lease
WHEN OLD.since IS NOT NULL
BEGIN
  INSERT INTO history (slot, domain_id, client_id, since, until, source, softwire, site, relay_path, first_relay_path)
  VALUES (OLD.slot, OLD.domain_id, OLD.client_id, OLD.since,
          min(OLD.expires_at, (SELECT now_ms / 1000 FROM instant)),
          OLD.source, OLD.softwire, OLD.site, OLD.relay_path, OLD.first_relay_path);
END;
--> statement-breakpoint
-- An allocator of an earlier release begins tenures without their first path, and must not leave that of the tenure
-- before in the row. This release sets both paths at once, so the trigger does not fire for it.
CREATE TRIGGER lease_tenure_of_earlier_release AFTER UPDATE OF since ON lease
WHEN NEW.since IS NOT NULL AND NEW.since IS NOT OLD.since
  AND NEW.first_relay_path IS NOT NULL AND NEW.first_relay_path IS NOT NEW.relay_path
BEGIN
  UPDATE lease SET first_relay_path = NULL WHERE slot = NEW.slot;
END;
--> statement-breakpoint
-- Rows without a client have no line: so they are neighbours in the index by client, which counts them.
CREATE TRIGGER lease_client_gone AFTER UPDATE OF client_id ON lease
WHEN NEW.client_id IS NULL AND NEW.line <> ''
BEGIN
  UPDATE lease SET line = '' WHERE slot = NEW.slot;
END;
--> statement-breakpoint
-- The settings of softwires decide which rows are in the binding table: a change makes all that consumers know out of
-- date.
DROP TRIGGER domain_border_relay_changes;
--> statement-breakpoint
CREATE TRIGGER domain_softwire_changes AFTER UPDATE OF settings ON domain
WHEN (OLD.settings -> '$.softwire.borderRelays') IS NOT (NEW.settings -> '$.softwire.borderRelays')
  OR (OLD.settings -> '$.softwire.bindPrefix') IS NOT (NEW.settings -> '$.softwire.bindPrefix')
  OR (OLD.settings -> '$.softwire.bindPrefixOnly') IS NOT (NEW.settings -> '$.softwire.bindPrefixOnly')
BEGIN
  INSERT INTO binding_log (version)
  VALUES (max((SELECT max(version) FROM binding_log), (SELECT now_ms / 1000 FROM instant) << 20) + 1);
END;
