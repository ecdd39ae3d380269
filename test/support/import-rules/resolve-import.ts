// The resolution of an import to its target: a file of this repository, an npm package, or a module of Node.
import { posix } from 'node:path';

export type Target =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'package'; readonly name: string }
  | { readonly kind: 'node'; readonly name: string };

/** The areas of the repository, each with its own rules. `service` is one business service, named by its folder. */
export type Area =
  | { readonly kind: 'domain' | 'platform' | 'rpc-server' | 'local' | 'kit' | 'test' | 'gen' | 'other' }
  | { readonly kind: 'service'; readonly service: string };

/** Names the business domain; services and local may import it, the platform may not. */
const DOMAIN_FILE = 'services/domain.ts';

const PATHS_OF_PREFIXES = {
  '#gen/': 'gen/',
  '#services/': 'services/',
  '#local/': 'local/',
  '#packages/': 'packages/',
  '@touchstone/kit': 'packages/kit',
};

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

/** Returns the area that a path belongs to. */
export function areaOf(path: string): Area {
  const [top = '', second = ''] = path.split('/');
  if (top === 'gen' || top === 'test' || top === 'local') return { kind: top };
  if (top === 'packages' && (second === 'kit' || second === 'rpc-server')) return { kind: second };
  if (top !== 'services') return { kind: 'other' };
  if (path === DOMAIN_FILE) return { kind: 'domain' };
  return second === 'platform' ? { kind: 'platform' } : { kind: 'service', service: second };
}
