import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "turso",
  schema: "./src/store/database/schema.ts",
  out: "./migrations",
});
