CREATE TABLE `instant` (
	`id` integer PRIMARY KEY NOT NULL,
	`now_ms` integer NOT NULL,
	CONSTRAINT "instant_is_one_row" CHECK("instant"."id" = 1)
);
