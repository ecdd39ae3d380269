// The types that a message may speak of without naming them: messages in a `google.protobuf.Any`, and extensions.

import {
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  type Registry,
} from '@bufbuild/protobuf';

/** A type that messages may hold: the content of a `google.protobuf.Any`, or an extension. It brings all of its file. */
export type KnownType = DescMessage | DescExtension;

/** Returns a registry of these types and of everything in their files and in the files those import. */
export function createTypeRegistry(types: readonly (DescService | KnownType)[]): Registry {
  const files = new Set<DescFile>();
  const pending = types.map(({ file }) => file);
  for (let file = pending.pop(); file; file = pending.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    pending.push(...file.dependencies);
  }
  return createRegistry(...files);
}
