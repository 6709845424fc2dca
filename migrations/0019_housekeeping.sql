ALTER TABLE `retention` ADD `housekept_at` integer DEFAULT 0 NOT NULL;
--> statement-breakpoint
-- A new database counts as clean, so that an alert fires only when housekeeping has failed for long.
UPDATE retention SET housekept_at = unixepoch();
