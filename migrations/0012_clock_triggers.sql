-- A file's clock that is set back moves the rows of its leases back with it, so the row is older than it was. Its tenure
-- then ended by the clock as it was before, which is still the instant of that transaction.
DROP TRIGGER lease_tenure_ends;
--> statement-breakpoint
CREATE TRIGGER lease_tenure_ends AFTER UPDATE OF since, client_id ON lease
WHEN OLD.since IS NOT NULL AND (NEW.since IS NOT OLD.since OR NEW.client_id IS NOT OLD.client_id)
BEGIN
  INSERT INTO history (slot, domain_id, client_id, since, until, source, softwire, site, relay_path, first_relay_path)
  VALUES (OLD.slot, OLD.domain_id, OLD.client_id, OLD.since, max(OLD.since, min(OLD.expires_at,
            iif(NEW.updated_at < OLD.updated_at, (SELECT now_ms / 1000 FROM instant), NEW.updated_at))),
          OLD.source, OLD.softwire, OLD.site, OLD.relay_path, OLD.first_relay_path);
END;
--> statement-breakpoint
-- Rows that were written while the clock was ahead would keep their pairs until the clock gets there. They count as
-- written now: their leases may end late, but never early, because none lasts longer than it was granted for. A minute
-- is for allocators that are at work.
UPDATE lease SET since = iif(lease.since IS NULL, NULL, t.now), updated_at = t.now, touched_ms = NULL,
  expires_at = lease.expires_at - lease.updated_at + t.now,
  free_at = iif(lease.free_at = 253402300799, lease.free_at, lease.free_at - lease.updated_at + t.now)
FROM (SELECT max(unixepoch(), now_ms / 1000) AS now FROM instant) AS t
WHERE lease.updated_at > t.now + 60;
