// Descriptors for those who have no generated code: out of a descriptor set, a buf image or a folder of .proto files.

import { readFile, stat } from 'node:fs/promises';
import {
  createFileRegistry,
  type DescFile,
  type DescService,
  type FileRegistry,
  type Registry,
} from '@bufbuild/protobuf';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { buildImage } from './build-image.ts';
import { type Image, readBinaryImage, readJsonImage } from './image.ts';
import { SchemaError } from './schema-error.ts';

/** What is known of the messages and RPCs of some services. */
export type Schema = {
  /** The services that the source itself defines, by name: not those of its imports, nor health and reflection. */
  readonly services: readonly DescService[];
  /** Every type of the source and its imports. */
  readonly registry: Registry;
  /** Every file, imports before those that import them. */
  readonly files: readonly DescFile[];
};

// Every server of the kit brings these itself.
const BUILT_IN = /^grpc\.(health\.v1\.Health|reflection\.v1(alpha)?\.ServerReflection)$/;

/**
 * Loads the schema in `source`: a `FileDescriptorSet` or buf image in binary (`.binpb`, `.bin`, `.pb` or any other name)
 * or JSON (`.json`), or a folder of `.proto` files or a single one, which are compiled with `buf`.
 *
 * @throws {SchemaError} naming the source, and what is missing in it or where its first mistake is.
 */
export async function loadSchema(source: string): Promise<Schema> {
  const schema = await loadTypes(source);
  if (schema.services.length === 0) throw new SchemaError(`${source}: defines no service`);
  return schema;
}

/** Loads the schema in `source` in the same way, which may have no service: that of events. */
export async function loadTypes(source: string): Promise<Schema> {
  return linkSchema(await loadImage(source), source);
}

/**
 * Links the files of a schema.
 *
 * @throws {SchemaError} naming the source and what is missing in it.
 */
export function linkSchema(image: Image, source: string): Schema {
  const registry = link(sortByImports(image.files, source), source);
  const files = [...registry.files];
  const services = files
    .filter(({ proto }) => !image.imports.has(proto.name))
    .flatMap((file) => file.services)
    .filter(({ typeName }) => !BUILT_IN.test(typeName))
    .sort((a, b) => (a.typeName < b.typeName ? -1 : 1));
  return { services, registry, files };
}

async function loadImage(source: string): Promise<Image> {
  const found = await stat(source).catch((error: unknown) => {
    throw new SchemaError(`${source}: there is no such file or folder`, { cause: error });
  });
  if (found.isDirectory() || source.endsWith('.proto')) return readBinaryImage(await buildImage(source), source);
  const bytes = await readFile(source);
  return source.endsWith('.json') ? readJsonImage(bytes.toString(), source) : readBinaryImage(bytes, source);
}

function link(file: FileDescriptorProto[], source: string): FileRegistry {
  try {
    return createFileRegistry({ $typeName: 'google.protobuf.FileDescriptorSet', file });
  } catch (error) {
    throw new SchemaError(`${source}: ${(error as Error).message}`, { cause: error });
  }
}

// A registry takes a file only after those it imports; compilers need not write them so.
function sortByImports(files: readonly FileDescriptorProto[], source: string): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const sorted = new Set<FileDescriptorProto>();
  const open = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto): void => {
    if (sorted.has(file)) return;
    if (open.has(file)) throw new SchemaError(`${source}: ${file.name} imports itself`);
    open.add(file);
    for (const name of file.dependency) {
      const imported = byName.get(name);
      if (!imported) {
        const advice = 'the file must hold its imports too, as `buf build` and `protoc --include_imports` write it';
        throw new SchemaError(`${source}: ${name}, imported by ${file.name}, is missing; ${advice}`);
      }
      add(imported);
    }
    sorted.add(file);
  };
  for (const file of files) add(file);
  return [...sorted];
}
