// The published JavaScript: few files, because a test's time begins with loading the kit.
import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { index: 'index.ts', 'command-line/main': 'command-line/main.ts' },
  // The helpers of `using` are bundled.
  external: /^(?!@oxc-project\/)[^./\0]/,
  platform: 'node',
  // The lowest version in `engines`; `using` becomes try and finally.
  transform: { target: 'node22' },
  output: {
    dir: 'dist',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    // Almost every part imports these small files: one chunk instead of one for each.
    codeSplitting: {
      groups: [
        { name: 'base', test: /packages\/kit\/base\// },
        { name: 'matching', test: /packages\/kit\/matching\// },
      ],
    },
  },
});
