import { defineConfig } from "vite";

// Built into the package, where the host serves it from; committed, so that who installs needs no node.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/qntx/host/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    // `npm run dev` beside a host that allows http://localhost:5173 as an origin.
    proxy: { "/api": "http://127.0.0.1:8777", "/frame": "http://127.0.0.1:8777" },
  },
});
