import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { licences } from "./licences.ts";

// One script and one style sheet, the same bytes wherever they are built.
export default defineConfig({
  plugins: [svelte({ compilerOptions: { css: "external" } }), licences()],
  define: { "process.env.NODE_ENV": '"production"' },
  build: {
    target: "es2022",
    outDir: process.env.OUT_DIR ?? "dist",
    emptyOutDir: true,
    minify: "oxc",
    lib: {
      entry: "src/main.ts",
      formats: ["iife"],
      name: "imscopeReport",
      fileName: () => "report.js",
      cssFileName: "report",
    },
  },
});
