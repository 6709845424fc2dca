import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  globalIgnores(["data", "dist", ".wrangler", "migrations/meta"]),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js"] } },
    },
    rules: {
      // Numbers in messages are octet counts and ports, which read well without formatting.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `noUncheckedIndexedAccess` requires a `!` after every index, even if a loop already bounds it.
      "@typescript-eslint/no-non-null-assertion": "off",
      eqeqeq: "error",
      // A result that the store adds must not fall through a route's switch: `undefined` would pass as an answer.
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector: "SpreadElement > ObjectExpression.argument",
          message:
            "Write the properties out: spreading a literal switches off TypeScript's check for misspelt properties.",
        },
      ],
      "max-lines-per-function": ["error", { max: 70, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // A route table is one list of routes. Splitting it would hide routes without simplifying any of them.
    files: ["src/http/admin/**/*routes.ts"],
    rules: { "max-lines-per-function": ["error", { max: 160, skipBlankLines: true, skipComments: true }] },
  },
  {
    files: ["**/*.test.ts", "test/**/*.ts"],
    rules: { "max-lines-per-function": "off" },
  },
);
