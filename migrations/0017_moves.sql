ALTER TABLE `lease` ADD `move_to` integer;--> statement-breakpoint
ALTER TABLE `lease` ADD `move_from` integer;--> statement-breakpoint
CREATE INDEX `lease_by_moving_client` ON `lease` (`domain_id`,`client_id`) WHERE move_to IS NOT NULL;--> statement-breakpoint
CREATE INDEX `lease_by_move` ON `lease` (`slot`) WHERE move_from IS NOT NULL;--> statement-breakpoint
-- A tenure that begins completes the move that led to it. An allocator of an earlier release begins tenures without
-- their first path, and must not leave that of the tenure before in the row. A renewal costs the first comparison.
DROP TRIGGER lease_tenure_of_earlier_release;
--> statement-breakpoint
CREATE TRIGGER lease_tenure_begins AFTER UPDATE OF since ON lease
WHEN NEW.since IS NOT OLD.since AND NEW.since IS NOT NULL
  AND (NEW.move_from IS NOT NULL
    OR NEW.first_relay_path IS NOT NULL AND NEW.first_relay_path IS NOT NEW.relay_path)
BEGIN
  UPDATE lease SET move_from = NULL, first_relay_path = iif(first_relay_path IS relay_path, relay_path, NULL)
  WHERE slot = NEW.slot;
END;
--> statement-breakpoint
-- Pools are deleted with their rows. A client whose old row is deleted has the new one; one whose new row is deleted
-- keeps the old one.
CREATE TRIGGER lease_move_deleted AFTER DELETE ON lease
WHEN OLD.move_to IS NOT NULL OR OLD.move_from IS NOT NULL
BEGIN
  UPDATE lease SET client_id = OLD.client_id, line = OLD.line, site = OLD.site,
    updated_at = (SELECT now_ms / 1000 FROM instant)
  WHERE slot = OLD.move_to AND move_from = OLD.slot AND client_id IS NULL AND OLD.client_id IS NOT NULL;
  UPDATE lease SET move_to = NULL WHERE slot = OLD.move_from AND move_to = OLD.slot;
END;
--> statement-breakpoint
-- A pool that is drained takes no clients, so moves to it that are pending are taken back.
CREATE TRIGGER pool_drain_ends_moves AFTER UPDATE OF drain_until ON pool
WHEN NEW.drain_until IS NOT NULL AND OLD.drain_until IS NULL
BEGIN
  UPDATE lease SET move_to = NULL WHERE slot IN (
    SELECT target.move_from FROM lease AS target
    WHERE target.slot >= NEW.id << 32 AND target.slot < (NEW.id + 1) << 32 AND target.move_from IS NOT NULL
      AND target.client_id IS NULL AND target.free_at < 253402300799
  ) AND move_to >= NEW.id << 32 AND move_to < (NEW.id + 1) << 32;
  UPDATE lease SET move_from = NULL, free_at = (SELECT now_ms / 1000 FROM instant)
  WHERE slot >= NEW.id << 32 AND slot < (NEW.id + 1) << 32 AND move_from IS NOT NULL AND client_id IS NULL
    AND free_at < 253402300799;
END;
