/**
 * Guards that are broken: whom a relay believes, and what one message may cost others.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const trust = "relay/messages/trust.ts";
const trustTests = ["relay/messages", "test/relay/relay.test.ts", "test/rules/trust.test.ts"];
const pipeline = "src/allocator/pipeline.ts";
const aloneTests = ["src/allocator"];

export const trustMutants: readonly Mutant[] = [
  {
    name: "everyone-is-a-trusted-relay",
    rules: ["T5"],
    file: trust,
    search: "if (relay === undefined && !isAccessNode) return { levels, untrusted: sender };",
    replacement: "",
    tests: trustTests,
  },
  {
    name: "link-local-entry-matches-inside",
    rules: ["T5"],
    file: trust,
    search:
      "if (!isSource && (isLinkLocal(address) || prefixContains(loopback.prefix, address))) return undefined;",
    replacement: "",
    tests: trustTests,
  },
  {
    name: "access-node-behind-every-relay",
    rules: ["T5"],
    file: trust,
    search: "behindAccessNodes = relay?.accessNodes ?? false;",
    replacement: "behindAccessNodes = true;",
    tests: trustTests,
  },
  {
    name: "access-node-with-any-peer",
    rules: ["T5"],
    file: trust,
    search: "isUnspecified(linkAddress) && equalOctets(peerAddress, sender);",
    replacement: "isUnspecified(linkAddress) && peerAddress.length > 0;",
    tests: trustTests,
  },
  {
    name: "access-node-with-any-link",
    rules: ["T5"],
    file: trust,
    search: "behindAccessNodes && isUnspecified(linkAddress) && equalOctets",
    replacement: "behindAccessNodes && linkAddress.length > 0 && equalOctets",
    tests: trustTests,
  },
  {
    name: "untrusted-relay-is-not-dropped",
    rules: ["T5"],
    file: "relay/relay.ts",
    search: "return isDropped ? undefined : belief;",
    replacement: "return belief;",
    tests: trustTests,
  },
  {
    name: "inner-levels-are-believed",
    rules: ["T5"],
    file: "src/lease/query.ts",
    search: "const believed = path.slice(0, 1 + (stated ?? 0));",
    replacement: "const believed = path;",
    tests: trustTests,
  },
  {
    name: "information-for-untrusted-relays",
    rules: ["T22"],
    file: "relay/information/information.ts",
    search: 'if (!isBelieved) return drop("untrusted-relay");',
    replacement: "",
    tests: trustTests,
  },
  {
    name: "rapid-commit-for-the-longest-identifier",
    rules: ["T1"],
    file: "src/lease/discover.ts",
    search: "if (query.clientId.length / 2 > rapidCommitIdentifierOctetsMax) return false;",
    replacement: "",
    tests: aloneTests,
  },
  {
    name: "unanswerable-frame-changes-leases",
    rules: ["T2"],
    file: "src/lease/query.ts",
    search: "if (frame.length - octets.length + answerGrowthOctetsMax > messageOctetsMax)",
    replacement: "if (frame.length > messageOctetsMax)",
    tests: aloneTests,
  },
  {
    name: "refused-claim-costs-its-batch",
    rules: ["T2"],
    file: pipeline,
    search: "if (!isRefusal(error) || entries.length === 0) throw error;",
    replacement: "if (error !== undefined) throw error;",
    tests: aloneTests,
  },
  {
    name: "answers-pass-the-bound-of-relays",
    rules: ["T3"],
    file: "src/http/relay-endpoint.ts",
    search: "if (after > relayBodyOctetsMax) return false;",
    replacement: "",
    tests: aloneTests,
  },
];
