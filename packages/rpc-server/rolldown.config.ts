// The published JavaScript: few files, because tests start servers and their time begins with loading this.
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { index: 'index.ts', port: 'port.ts' },
  // The helpers of `using` are bundled.
  external: /^(?!@oxc-project\/)[^./\0]/,
  platform: 'node',
  // The lowest version in `engines`; `using` becomes try and finally.
  transform: { target: 'node22' },
  output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
});
