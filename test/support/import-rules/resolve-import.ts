// Turns what an import says into what it reaches: a file of this repository, an npm package, or a module of Node.
import { posix } from 'node:path';

export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'package'; readonly name: string }
  | { readonly kind: 'node'; readonly name: string };

/** The parts of the repository that have rules of their own. `service` is one business service, named by its folder. */
export type Room =
  | { readonly kind: 'platform' | 'rpc-server' | 'dev' | 'kit' | 'test' | 'gen' | 'other' }
  | { readonly kind: 'service'; readonly service: string };

const PATHS_OF_PREFIXES = { '#gen/': 'gen/', '#services/': 'services/', '@touchstone/kit': 'test/kit' };

/** Resolves a specifier as written in the module at `from`, a path from the repository's root. */
export function resolveImport(specifier: string, from: string): Target {
  if (specifier.startsWith('.')) return { kind: 'file', path: posix.join(posix.dirname(from), specifier) };
  for (const [prefix, path] of Object.entries(PATHS_OF_PREFIXES)) {
    if (specifier.startsWith(prefix)) return { kind: 'file', path: path + specifier.slice(prefix.length) };
  }
  if (specifier.startsWith('node:')) return { kind: 'node', name: specifier.slice('node:'.length) };
  const words = specifier.split('/');
  return { kind: 'package', name: words.slice(0, specifier.startsWith('@') ? 2 : 1).join('/') };
}

/** Tells which room a path belongs to. */
export function roomOf(path: string): Room {
  const [top = '', second = '', third = ''] = path.split('/');
  if (top === 'gen') return { kind: 'gen' };
  if (top === 'test') return { kind: second === 'kit' ? 'kit' : 'test' };
  if (top !== 'services') return { kind: 'other' };
  if (second === 'dev') return { kind: 'dev' };
  if (second === 'platform') return { kind: third === 'rpc-server' ? 'rpc-server' : 'platform' };
  return { kind: 'service', service: second };
}
