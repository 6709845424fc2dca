DROP INDEX `lease_by_client`;--> statement-breakpoint
ALTER TABLE `lease` ADD `line` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `lease` ADD `first_relay_path` blob;--> statement-breakpoint
CREATE UNIQUE INDEX `lease_by_client` ON `lease` (`domain_id`,`client_id`,`line`);--> statement-breakpoint
ALTER TABLE `history` ADD `first_relay_path` blob;