// Older and newer versions of the contract, made from the released one, and calls by clients that have them.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  create,
  createFileRegistry,
  type DescMethodUnary,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  EnumValueDescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import type { Transport } from '@connectrpc/connect';

const RELEASED = fileURLToPath(new URL('../../../../proto/released.binpb', import.meta.url));
const NEW_FIELD = 1_000;

/** An answer as a client with another contract sees it. */
export type SeenAnswer = {
  readonly json: JsonObject;
  /** The number of fields that the client's contract does not have. */
  readonly unknownFields: number;
};

/** Reads the released contract into a mutable copy. */
export async function readReleasedContract(): Promise<FileDescriptorSet> {
  return fromBinary(FileDescriptorSetSchema, await readFile(RELEASED));
}

/**
 * Removes fields from a message, as in an older contract.
 *
 * @throws {Error} there is no such field.
 */
export function removeFields(contract: FileDescriptorSet, message: string, names: readonly string[]): void {
  const descriptor = findMessage(contract, message);
  const missing = names.filter((name) => !descriptor.field.some((field) => field.name === name));
  if (missing.length > 0) throw new Error(`${message} has no ${missing.join(', ')}`);
  descriptor.field = descriptor.field.filter(({ name }) => !names.includes(name));
}

/** Adds an optional string field to a message, as in a newer contract. */
export function addTextField(contract: FileDescriptorSet, message: string, name: string): void {
  findMessage(contract, message).field.push(
    create(FieldDescriptorProtoSchema, {
      name,
      jsonName: name,
      number: NEW_FIELD,
      type: FieldDescriptorProto_Type.STRING,
      label: FieldDescriptorProto_Label.OPTIONAL,
    }),
  );
}

/** Adds a value to an enum, as in a newer contract. */
export function addEnumValue(contract: FileDescriptorSet, enumName: string, name: string, number: number): void {
  const found = contract.file.flatMap((file) =>
    file.enumType.filter((type) => `${file.package}.${type.name}` === enumName),
  );
  if (found[0] === undefined) throw new Error(`there is no enum ${enumName}`);
  found[0].value.push(create(EnumValueDescriptorProtoSchema, { name, number }));
}

/**
 * Calls a unary RPC as a client with this contract.
 *
 * @throws {ConnectError} the call failed.
 */
export async function callWithContract(
  contract: FileDescriptorSet,
  transport: Transport,
  { service, method, timeoutMs }: { service: string; method: string; timeoutMs: number },
  request: JsonValue,
): Promise<SeenAnswer> {
  const registry = createFileRegistry(contract);
  const descriptor = registry
    .getService(service)
    ?.methods.find((each): each is DescMethodUnary => each.methodKind === 'unary' && each.name === method);
  if (descriptor === undefined) throw new Error(`there is no ${service}/${method}`);
  const input = fromJson(descriptor.input, request);
  const { message } = await transport.unary(descriptor, undefined, timeoutMs, undefined, input);
  return { json: toJson(descriptor.output, message, { registry }) as JsonObject, unknownFields: countUnknown(message) };
}

function findMessage(contract: FileDescriptorSet, name: string): DescriptorProto {
  const found = contract.file.flatMap((file) =>
    file.messageType.filter((type) => `${file.package}.${type.name}` === name),
  );
  if (found[0] === undefined) throw new Error(`there is no message ${name}`);
  return found[0];
}

function countUnknown(message: Message): number {
  const nested = Object.values(message)
    .flatMap((value: unknown) => (Array.isArray(value) ? value : [value]))
    .filter((value): value is Message => typeof value === 'object' && value !== null && '$typeName' in value);
  return (message.$unknown?.length ?? 0) + nested.reduce((sum, each) => sum + countUnknown(each), 0);
}
