import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// Fixed names of files, since the server embeds them; relative addresses, so that the page works under a base path.
export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: fileURLToPath(new URL("../zkflow-server/src/http/dashboard", import.meta.url)),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    rollupOptions: {
      output: {
        entryFileNames: "dashboard.js",
        assetFileNames: "dashboard[extname]",
        chunkFileNames: "[name].js",
      },
    },
  },
});
