// The build of the page: `vite build services/console/page`. Everything it loads is a file of its own, as its policy demands.
import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2023',
    // Files in the page's own text would be refused by its policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    emptyOutDir: true,
  },
});
