/**
 * How to migrate a database, in messages of all programs. The reader may be on another machine, so they name both commands:
 * that of the installed program, and that of a checkout.
 *
 * @module
 */

/** The command that migrates a database. */
export const migrateCommand =
  "`apportion migrate --database URL` (in a checkout, `npm run migrate -- --database URL`)";
