// Builds the kit as it is published, as JavaScript in `node_modules`: the types of the sources would otherwise be stripped during the
// measurement.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const target = fileURLToPath(new URL('../node_modules/@touchstone/', import.meta.url));
const packages = { 'rpc-server': 'packages/rpc-server', kit: 'packages/kit' };

rmSync(target, { recursive: true, force: true });
for (const [name, source] of Object.entries(packages)) {
  const directory = `${target}${name}`;
  mkdirSync(directory, { recursive: true });
  execFileSync('rolldown', ['--config', 'rolldown.config.ts', '--dir', directory], {
    cwd: `${root}${source}`,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  writeFileSync(
    `${directory}/package.json`,
    JSON.stringify({ type: 'module', exports: { '.': './index.js', './port': './port.js' } }),
  );
}
