CREATE TABLE `clock_step` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`noticed_at` integer NOT NULL,
	`since` integer NOT NULL,
	`difference_ms` integer NOT NULL,
	`settled_at` integer,
	`how` text,
	`last_history` integer
);
--> statement-breakpoint
ALTER TABLE `instant` ADD `base_ms` integer;--> statement-breakpoint
ALTER TABLE `instant` ADD `boot_id` text;--> statement-breakpoint
ALTER TABLE `instant` ADD `since_ms` integer;