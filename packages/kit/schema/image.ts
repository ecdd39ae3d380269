// Reads descriptor sets: those of protoc, and buf's images, which also tell which files are only imported.

import { fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { SchemaError } from './schema-error.ts';

/** The files of a schema. */
export type Image = {
  readonly files: readonly FileDescriptorProto[];
  /** The names of files that are there for the sake of others, where the image tells. */
  readonly imports: ReadonlySet<string>;
};

// In buf's images each file has its extension in this field, and in that whether the file is an import.
const BUF_EXTENSION = 8042;
const IS_IMPORT = 1;

/** @throws {SchemaError} naming the source when the bytes are no descriptor set. */
export function readBinaryImage(bytes: Uint8Array, source: string): Image {
  const files = read(source, () => fromBinary(FileDescriptorSetSchema, bytes).file);
  return { files, imports: new Set(files.filter(isMarkedImport).map(({ name }) => name)) };
}

/** @throws {SchemaError} naming the source when the text is no descriptor set. */
export function readJsonImage(text: string, source: string): Image {
  const json = read(source, () => JSON.parse(text) as JsonValue);
  const { file: files } = read(source, () => fromJson(FileDescriptorSetSchema, json, { ignoreUnknownFields: true }));
  const marks = json as { file?: { name?: string; bufExtension?: { isImport?: boolean } }[] };
  const imports = (marks.file ?? []).flatMap(({ name = '', bufExtension: mark }) => (mark?.isImport ? [name] : []));
  return { files, imports: new Set(imports) };
}

function read<T>(source: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new SchemaError(`${source}: is no descriptor set: ${(error as Error).message}`, { cause: error });
  }
}

function isMarkedImport({ $unknown = [] }: FileDescriptorProto): boolean {
  return $unknown.some(({ no, data }) => {
    if (no !== BUF_EXTENSION) return false;
    const extension = new BinaryReader(new BinaryReader(data).bytes());
    while (extension.pos < extension.len) {
      const [field, wireType] = extension.tag();
      if (field === IS_IMPORT) return extension.bool();
      extension.skip(wireType, field);
    }
    return false;
  });
}
