// The packages of the peers. They are outside the main install, in test/bench/node_modules, where `make bench-peers` puts them.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Engine } from './systems.ts';

const PACKAGES: Readonly<Record<Engine, readonly string[]>> = {
  loop: [],
  restate: [
    '@restatedev/restate-server',
    `@restatedev/restate-server-${process.platform}-${process.arch}`,
    '@restatedev/restate-sdk',
  ],
  dbos: ['@dbos-inc/dbos-sdk'],
  ours: [],
};

/** A peer cannot be measured here; the message says why and what to do. */
export class PeerUnavailable extends Error {
  override readonly name = 'PeerUnavailable';
}

/**
 * Returns the versions of the packages of these engines.
 *
 * @param folder The folder that has them.
 * @throws {PeerUnavailable} one is not installed.
 */
export function readPeerVersions(engines: readonly Engine[], folder = installedIn()): Record<string, string> {
  const names = engines.flatMap((engine) => PACKAGES[engine]);
  const missing = names.filter((name) => !existsSync(`${folder}/${name}/package.json`));
  if (missing.length > 0) {
    throw new PeerUnavailable(
      `bench-peers: not installed: ${missing.join(', ')}. \`make bench-peers\` installs the peers from the npm registry, for Linux on ` +
        "x64 and arm64. ARGS='--only loop,ours' measures without them.",
    );
  }
  return Object.fromEntries(
    names.map((name) => {
      const { version } = JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string };
      return [name, version];
    }),
  );
}

/** The path of Restate's server for this machine. */
export function findRestateBinary(): string {
  return `${installedIn()}/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`;
}

function installedIn(): string {
  return fileURLToPath(new URL('../node_modules', import.meta.url));
}
