// The published JavaScript: few files, because tests start servers and their time begins with loading this.
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { index: 'index.ts', port: 'port.ts' },
  external: /^[^./]/,
  platform: 'node',
  output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
});
