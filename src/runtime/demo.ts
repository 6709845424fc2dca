/**
 * The configuration that `npm start` applies to a database without domains, so that a client can get a lease. The IPv4
 * addresses are from the documentation ranges of RFC 5737.
 *
 * @module
 */
import type { DeclarationInput } from "../declaration/declaration.ts";

/** One default domain with a shared and a full pool. */
export const demoDeclaration: DeclarationInput = {
  domains: [
    {
      name: "demo",
      default: true,
      serverIdentifier: "203.0.113.1",
      softwire: { borderRelays: ["2001:db8:ffff::1"], bindPrefix: "2001:db8:1234:5600::/56" },
      pools: [
        { name: "demo-shared", kind: "shared", range: "192.0.2.0/24", psidOffset: 0, psidLength: 6 },
        { name: "demo-full", kind: "full", range: "198.51.100.0/24" },
      ],
    },
  ],
};
