/**
 * Tests that should fail when a rule is broken, by subject of the rule.
 *
 * @module
 */

export const discoverTests = ["test/rules/rfc2131-discover.test.ts"];
export const requestTests = ["test/rules/rfc2131-request.test.ts"];
export const endTests = ["test/rules/rfc2131-end.test.ts"];
export const answerTests = ["test/rules/rfc2131-answer.test.ts"];
export const fullAddressTests = ["test/rules/full-addresses.test.ts"];
export const leaseTimeTests = ["test/rules/lease-times.test.ts"];
export const optionTests = ["test/rules/rfc2132.test.ts"];
export const transportTests = ["test/rules/rfc7341.test.ts"];
export const relayedTests = ["test/rules/rfc8415.test.ts"];
export const sharingTests = ["test/rules", "src/lease", "src/store/batch/commit.test.ts", "src/portset"];
export const leaseTests = ["test/vectors-served.test.ts", "src/lease", "test/spine.test.ts", "test/rules"];
export const commitTests = ["src/store/batch/commit.test.ts", "src/store/batch/commit-late.test.ts"];
export const httpTests = ["src/http", "src/allocator"];
export const wireTests = ["src/wire", "test/vectors-served.test.ts", "src/client"];
export const portsetTests = ["src/portset"];
/** For rules whose breach shows only over time or with many clients. */
export const modelTests = ["test/model"];
