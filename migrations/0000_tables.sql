CREATE TABLE `configuration` (
	`id` integer PRIMARY KEY NOT NULL,
	`revision` integer NOT NULL,
	CONSTRAINT "configuration_is_one_row" CHECK("configuration"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE `domain` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`settings` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `domain_name_unique` ON `domain` (`name`);--> statement-breakpoint
CREATE TABLE `history` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`slot` integer NOT NULL,
	`domain_id` integer NOT NULL,
	`client_id` blob NOT NULL,
	`since` integer NOT NULL,
	`until` integer NOT NULL,
	`source` blob,
	`softwire` blob,
	`site` text,
	`relay_path` blob
);
--> statement-breakpoint
CREATE INDEX `history_by_slot` ON `history` (`slot`,`since`);--> statement-breakpoint
CREATE TABLE `lease` (
	`slot` integer PRIMARY KEY NOT NULL,
	`pool_id` integer GENERATED ALWAYS AS ((slot >> 32)) VIRTUAL,
	`domain_id` integer NOT NULL,
	`client_id` blob,
	`state` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`free_at` integer NOT NULL,
	`since` integer,
	`updated_at` integer NOT NULL,
	`source` blob,
	`softwire` blob,
	`site` text,
	`relay_path` blob,
	CONSTRAINT "lease_has_tenure_while_bound" CHECK((state = 2) = (since IS NOT NULL))
);
--> statement-breakpoint
CREATE UNIQUE INDEX `lease_by_client` ON `lease` (`domain_id`,`client_id`);--> statement-breakpoint
CREATE INDEX `lease_by_free_at` ON `lease` (`pool_id`,`free_at`);--> statement-breakpoint
CREATE INDEX `lease_by_softwire` ON `lease` (`softwire`) WHERE softwire IS NOT NULL;--> statement-breakpoint
CREATE INDEX `lease_by_site` ON `lease` (`domain_id`,`site`) WHERE site IS NOT NULL;--> statement-breakpoint
CREATE TABLE `pool` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`domain_id` integer NOT NULL,
	`name` text NOT NULL,
	`first_address` integer NOT NULL,
	`last_address` integer NOT NULL,
	`psid_offset` integer NOT NULL,
	`psid_length` integer NOT NULL,
	`reserved_ports` text NOT NULL,
	`fill` text NOT NULL,
	`options` text NOT NULL,
	`psids` integer NOT NULL,
	`slots` integer NOT NULL,
	`cursor` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`domain_id`) REFERENCES `domain`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `pool_name_unique` ON `pool` (`name`);--> statement-breakpoint
CREATE INDEX `pool_by_domain` ON `pool` (`domain_id`);