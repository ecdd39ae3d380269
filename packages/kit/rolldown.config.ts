// The published JavaScript: few files, because a test's time begins with loading the kit.
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { index: 'index.ts', 'command-line/main': 'command-line/main.ts' },
  external: /^[^./]/,
  platform: 'node',
  output: {
    dir: 'dist',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    // Almost every part imports these small files: one chunk instead of one for each.
    codeSplitting: { groups: [{ name: 'base', test: /packages\/kit\/base\// }] },
  },
});
