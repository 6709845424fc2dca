/**
 * How to migrate a database, in messages of all programs. They go to operators of other machines, too, so both commands are
 * named: that of the installed program, and that of a checkout.
 *
 * @module
 */

/** The command that migrates a database. */
export const migrateCommand =
  "`apportion migrate --database URL` (in a checkout, `npm run migrate -- --database URL`)";
