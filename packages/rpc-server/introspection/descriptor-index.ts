// The index behind reflection: the files of the served services and all files they import, by name and symbol.

import { type DescExtension, type DescFile, type DescMessage, type DescService, toBinary } from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** Descriptors by name. Names have no leading dot; file names end in `.proto`. */
export class DescriptorIndex {
  readonly #files = new Map<string, DescFile>();
  readonly #fileOfSymbol = new Map<string, DescFile>();
  readonly #extensions = new Map<string, Map<number, DescExtension>>();
  readonly #messages = new Set<string>();

  constructor(services: readonly DescService[]) {
    for (const service of services) this.#addFile(service.file);
  }

  /** Returns the file of this name, such as `google/protobuf/duration.proto`. */
  findFile(fileName: string): DescFile | undefined {
    return this.#files.get(fileName);
  }

  /** Returns the file that declares a message, field, oneof, enum, enum value, extension, service or RPC. */
  findFileOfSymbol(symbol: string): DescFile | undefined {
    return this.#fileOfSymbol.get(symbol);
  }

  /** Returns the file that declares the extension of `typeName` with this field number. */
  findFileOfExtension(typeName: string, fieldNumber: number): DescFile | undefined {
    return this.#extensions.get(typeName)?.get(fieldNumber)?.file;
  }

  /** Returns the field numbers of all extensions of a message, or `undefined` when there is no such message. */
  listExtensionNumbers(typeName: string): number[] | undefined {
    if (!this.#messages.has(typeName)) return undefined;
    return [...(this.#extensions.get(typeName)?.keys() ?? [])];
  }

  #addFile(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const dependency of file.dependencies) this.#addFile(dependency);
    for (const type of nestedTypes(file)) {
      this.#fileOfSymbol.set(type.typeName, file);
      if (type.kind === 'message') this.#addMessage(type);
      if (type.kind === 'extension') this.#addExtension(type);
      if (type.kind === 'service') {
        for (const method of type.methods) this.#fileOfSymbol.set(`${type.typeName}.${method.name}`, file);
      }
      if (type.kind === 'enum') {
        // In protobuf an enum's values belong to the scope around the enum.
        const scope = type.parent?.typeName ?? file.proto.package;
        for (const value of type.values) this.#fileOfSymbol.set(scope ? `${scope}.${value.name}` : value.name, file);
      }
    }
  }

  #addMessage(message: DescMessage): void {
    this.#messages.add(message.typeName);
    for (const member of [...message.fields, ...message.oneofs]) {
      this.#fileOfSymbol.set(`${message.typeName}.${member.name}`, message.file);
    }
  }

  #addExtension(extension: DescExtension): void {
    const known = this.#extensions.get(extension.extendee.typeName) ?? new Map<number, DescExtension>();
    known.set(extension.number, extension);
    this.#extensions.set(extension.extendee.typeName, known);
  }
}

/**
 * Returns `file` and all it imports as serialized FileDescriptorProtos, leaving out imports named in `sent`, and adds
 * what it returns to `sent`. The file itself is always in the answer, because it was asked for.
 */
export function serializeWithImports(file: DescFile, sent: Set<string>): Uint8Array[] {
  sent.add(file.proto.name);
  const imports = file.dependencies
    .filter((dependency) => !sent.has(dependency.proto.name))
    .flatMap((dependency) => (sent.has(dependency.proto.name) ? [] : serializeWithImports(dependency, sent)));
  return [serialize(file), ...imports];
}

// Kept, because any caller may ask for any file again and again.
const serialized = new WeakMap<DescFile, Uint8Array>();

function serialize(file: DescFile): Uint8Array {
  const bytes = serialized.get(file) ?? toBinary(FileDescriptorProtoSchema, file.proto);
  serialized.set(file, bytes);
  return bytes;
}
