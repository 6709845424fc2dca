/**
 * Whether this is the installed program, which is one file with its migrations beside it (`cli/packaging/build.ts`), or a
 * checkout.
 *
 * @module
 */

/** Not asked of the disk: on Deno, the program may read only what it needs. */
export const isInstalled = new URL(import.meta.url).pathname.endsWith("/apportion.mjs");
