// Bundles the programs of the repository in the working directory into a folder: `node bundle-programs.ts <folder>`. It is a process of
// its own, so that the bundler's memory ends with it.
import { glob } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'rolldown';

const PROGRAMS = ['services/*/main.ts', 'local/{provider,mailbox}/main.ts'];
const PACKAGES = /node_modules/;

const [outputFolder] = process.argv.slice(2);
if (outputFolder === undefined) throw new Error('usage: node bundle-programs.ts <folder>');

const programs = await Array.fromAsync(glob(PROGRAMS));
await build({
  input: Object.fromEntries(programs.map((program) => [program.replace(/\.ts$/, ''), program])),
  platform: 'node',
  resolve: { conditionNames: ['@touchstone/source', 'node'] },
  plugins: [keepModuleUrls(), mapNoPackages()],
  logLevel: 'warn',
  output: {
    dir: outputFolder,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    sourcemap: true,
  },
});

/** Files that a module reads from its own folder, such as migrations, stay where the sources are. */
function keepModuleUrls(): Plugin {
  return {
    name: 'keep-module-urls',
    transform: {
      filter: { id: { exclude: PACKAGES }, code: 'import.meta.url' },
      handler: (code, id) => ({
        code: code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)),
        map: null,
      }),
    },
  };
}

/** Reading the maps of packages takes a process longer than running their code does. */
function mapNoPackages(): Plugin {
  return {
    name: 'map-no-packages',
    transform: { filter: { id: PACKAGES }, handler: (code) => ({ code, map: { mappings: '' } }) },
  };
}
