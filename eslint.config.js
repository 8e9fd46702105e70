import js from "@eslint/js";
import tseslint from "typescript-eslint";

const noPrinting = {
  selector:
    "CallExpression[callee.object.name='console'], MemberExpression[object.name='process'][property.name=/^std(out|err)$/]",
  message: "A program that prints may print a value: remove it, and show people the inventory (docs/policies.md).",
};
const noUnsecret = {
  selector: "CallExpression[callee.property.name='unsecret'], CallExpression[callee.name='unsecret']",
  message: "This makes a value plain, in the state and in every diff: hand the secret output on as it is.",
};

export default tseslint.config(
  { ignores: ["node_modules/", ".sandbox/"] },
  js.configs.recommended,
  { files: ["**/*.mjs"], languageOptions: { globals: { process: "readonly", console: "readonly" } } },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/require-await": "off",
      "no-console": "off",
    },
  },
  // What a program declares is shown by the engine; what it prints itself is shown as it is, values and all.
  { files: ["components/**/*.ts"], rules: { "no-restricted-syntax": ["error", noPrinting] } },
  {
    files: ["index.ts", "applications/**/*.ts", "repository/**/*.ts"],
    rules: { "no-restricted-syntax": ["error", noPrinting, noUnsecret] },
  },
);
