import { defineConfig } from "vite";
import react from "@vitejs/plugin-react";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2023",
    sourcemap: false,
    // The policy allows no data: scripts or fonts, and no preload helper needs to be inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
