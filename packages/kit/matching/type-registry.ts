// The message types that a contract may speak of without naming them: those that can be in a `google.protobuf.Any`.

import { createRegistry, type DescFile, type DescMessage, type DescService, type Registry } from '@bufbuild/protobuf';

/** Returns a registry of these types and of everything in their files and in the files those import. */
export function createTypeRegistry(types: readonly (DescService | DescMessage)[]): Registry {
  const files = new Set<DescFile>();
  const pending = types.map(({ file }) => file);
  for (let file = pending.pop(); file; file = pending.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    pending.push(...file.dependencies);
  }
  return createRegistry(...files);
}
