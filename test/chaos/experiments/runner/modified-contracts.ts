// The contract as others have it: callers whose copy is older or newer than the platform's, made from the released one.
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

/** An answer as a caller with another contract sees it. */
export type SeenAnswer = {
  readonly json: JsonObject;
  /** How many of its fields the caller's contract does not have. */
  readonly unknownFields: number;
};

/** Reads the released contract: a copy that may be changed. */
export async function readReleasedContract(): Promise<FileDescriptorSet> {
  return fromBinary(FileDescriptorSetSchema, await readFile(RELEASED));
}

/** Takes fields out of a message, as they were before somebody added them. Throws when there is no such field. */
export function removeFields(contract: FileDescriptorSet, message: string, names: readonly string[]): void {
  const descriptor = findMessage(contract, message);
  const missing = names.filter((name) => !descriptor.field.some((field) => field.name === name));
  if (missing.length > 0) throw new Error(`${message} has no ${missing.join(', ')}`);
  descriptor.field = descriptor.field.filter(({ name }) => !names.includes(name));
}

/** Adds an optional text to a message, as somebody may tomorrow. */
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

/** Adds a value to an enum, as somebody may tomorrow. */
export function addEnumValue(contract: FileDescriptorSet, enumName: string, name: string, number: number): void {
  const found = contract.file.flatMap((file) =>
    file.enumType.filter((type) => `${file.package}.${type.name}` === enumName),
  );
  if (found[0] === undefined) throw new Error(`there is no enum ${enumName}`);
  found[0].value.push(create(EnumValueDescriptorProtoSchema, { name, number }));
}

/** Calls a unary RPC as a caller does that has this contract. Throws ConnectError. */
export async function callBy(
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
