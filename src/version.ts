/**
 * The version of this release.
 *
 * @module
 */
import release from "../package.json" with { type: "json" };

/** As in package.json. */
export const { version } = release;
