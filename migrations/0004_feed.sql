CREATE TABLE `binding_log` (
	`version` integer PRIMARY KEY NOT NULL,
	`slot` integer,
	`softwire` blob,
	`expires_at` integer
);
--> statement-breakpoint
CREATE TABLE `longer_hold` (
	`domain_id` integer PRIMARY KEY NOT NULL,
	`seconds` integer NOT NULL,
	`until` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `retention` (
	`id` integer PRIMARY KEY NOT NULL,
	`history_from` integer NOT NULL,
	CONSTRAINT "retention_is_one_row" CHECK("retention"."id" = 1)
);
