INSERT INTO retention (id, history_from) VALUES (1, 0);
--> statement-breakpoint
-- The log begins here. Whoever has a binding table of before has none of ours.
INSERT INTO binding_log (version) VALUES (1);
--> statement-breakpoint
-- A renewal sets these columns to what they were, and costs no more than the comparison. Ends come before begins,
-- and each change has a version of its own, which contains its time (`store/binding-feed.ts`).
CREATE TRIGGER lease_binding_changes AFTER UPDATE OF since, softwire ON lease
WHEN (NEW.since IS NOT OLD.since OR NEW.softwire IS NOT OLD.softwire)
  AND (NEW.softwire IS NOT NULL AND NEW.since IS NOT NULL OR OLD.softwire IS NOT NULL AND OLD.since IS NOT NULL)
BEGIN
  INSERT INTO binding_log (version, slot, softwire, expires_at)
  VALUES (max((SELECT max(version) FROM binding_log), NEW.updated_at << 20) + 1, OLD.slot,
          iif(OLD.since IS NULL, NULL, OLD.softwire), OLD.expires_at);
END;
--> statement-breakpoint
CREATE TRIGGER lease_binding_deleted AFTER DELETE ON lease
WHEN OLD.since IS NOT NULL AND OLD.softwire IS NOT NULL
BEGIN
  INSERT INTO binding_log (version, slot, softwire, expires_at)
  VALUES (max((SELECT max(version) FROM binding_log), unixepoch() << 20) + 1, OLD.slot, OLD.softwire, OLD.expires_at);
END;
--> statement-breakpoint
-- The address of the border relay is in every row of the table: then only the whole table is right.
CREATE TRIGGER domain_border_relay_changes AFTER UPDATE OF settings ON domain
WHEN json_extract(NEW.settings, '$.softwire.borderRelays[0]') IS NOT json_extract(OLD.settings, '$.softwire.borderRelays[0]')
BEGIN
  INSERT INTO binding_log (version) VALUES (max((SELECT max(version) FROM binding_log), unixepoch() << 20) + 1);
END;
--> statement-breakpoint
-- Which rows there can be, and how VPP numbers them, goes by the pools that there are.
CREATE TRIGGER pool_created_for_bindings AFTER INSERT ON pool
BEGIN
  INSERT INTO binding_log (version) VALUES (max((SELECT max(version) FROM binding_log), unixepoch() << 20) + 1);
END;
--> statement-breakpoint
CREATE TRIGGER pool_deleted_for_bindings AFTER DELETE ON pool
BEGIN
  INSERT INTO binding_log (version) VALUES (max((SELECT max(version) FROM binding_log), unixepoch() << 20) + 1);
END;
--> statement-breakpoint
-- Leases that were made by the old settings are held by them: to their end, and through the old quarantine.
CREATE TRIGGER domain_hold_shortened AFTER UPDATE OF settings ON domain
WHEN max(OLD.settings ->> '$.quarantineSeconds', OLD.settings ->> '$.offerHoldSeconds')
   > max(NEW.settings ->> '$.quarantineSeconds', NEW.settings ->> '$.offerHoldSeconds')
BEGIN
  INSERT INTO longer_hold (domain_id, seconds, until)
  VALUES (OLD.id, max(OLD.settings ->> '$.quarantineSeconds', OLD.settings ->> '$.offerHoldSeconds'),
          unixepoch() + (OLD.settings ->> '$.leaseSeconds.max')
          + max(OLD.settings ->> '$.quarantineSeconds', OLD.settings ->> '$.offerHoldSeconds'))
  ON CONFLICT (domain_id) DO UPDATE SET seconds = max(seconds, excluded.seconds), until = max(until, excluded.until);
END;
