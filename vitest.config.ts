import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "relay/**/*.test.ts", "test/**/*.test.ts"],
    // Black-box tests start real processes on a two-core machine. The default of 5 s suits only unit tests.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
