CREATE TABLE `access_token` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`scope` text NOT NULL,
	`domain_id` integer,
	`secret_hash` blob NOT NULL,
	`previous_hash` blob,
	`previous_until` integer,
	`created_at` integer NOT NULL,
	`rotated_at` integer,
	`expires_at` integer,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`domain_id`) REFERENCES `domain`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `access_token_name_unique` ON `access_token` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `access_token_secret_hash_unique` ON `access_token` (`secret_hash`);--> statement-breakpoint
CREATE INDEX `access_token_by_previous_hash` ON `access_token` (`previous_hash`);--> statement-breakpoint
CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`resource` text NOT NULL,
	`name` text NOT NULL,
	`domain` text,
	`before` text,
	`after` text
);
--> statement-breakpoint
CREATE INDEX `audit_by_resource` ON `audit` (`resource`,`name`);--> statement-breakpoint
CREATE INDEX `audit_by_domain` ON `audit` (`domain`);--> statement-breakpoint
CREATE TABLE `reservation` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`domain_id` integer NOT NULL,
	`slot` integer NOT NULL,
	`pool_id` integer GENERATED ALWAYS AS ((slot >> 32)) VIRTUAL,
	`client_id` blob NOT NULL,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`domain_id`) REFERENCES `domain`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `reservation_name_unique` ON `reservation` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `reservation_slot_unique` ON `reservation` (`slot`);--> statement-breakpoint
CREATE UNIQUE INDEX `reservation_by_client` ON `reservation` (`domain_id`,`client_id`);--> statement-breakpoint
CREATE INDEX `reservation_by_pool` ON `reservation` (`pool_id`);--> statement-breakpoint
CREATE TABLE `retired_pool` (
	`id` integer PRIMARY KEY NOT NULL,
	`domain_id` integer NOT NULL,
	`domain_name` text NOT NULL,
	`name` text NOT NULL,
	`first_address` integer NOT NULL,
	`last_address` integer NOT NULL,
	`psid_offset` integer NOT NULL,
	`psid_length` integer NOT NULL,
	`reserved_ports` text NOT NULL,
	`fill` text NOT NULL,
	`psids` integer NOT NULL,
	`slots` integer NOT NULL,
	`retired_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `retired_pool_by_range` ON `retired_pool` (`first_address`,`last_address`);--> statement-breakpoint
ALTER TABLE `domain` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `pool` ADD `drain_until` integer;--> statement-breakpoint
ALTER TABLE `pool` ADD `version` integer DEFAULT 1 NOT NULL;