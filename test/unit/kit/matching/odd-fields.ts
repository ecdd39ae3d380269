// Fields that most services do not have, built at run time: named as what every JavaScript object has, null as a value, wrappers that are
// not the field itself, and a type of proto2 with required fields and an extension.
import { create, createFileRegistry, type DescExtension, type DescMessage } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';

const { OPTIONAL, REPEATED, REQUIRED } = FieldDescriptorProto_Label;
const { BOOL, BYTES, ENUM, INT32, INT64, MESSAGE, SFIXED64, STRING } = FieldDescriptorProto_Type;

function fieldOf(name: string, number: number, type: FieldDescriptorProto_Type, typeName?: string, label = OPTIONAL) {
  return { name, jsonName: name, number, type, label, ...(typeName !== undefined && { typeName }) };
}

const odd = create(FileDescriptorProtoSchema, {
  name: 'odd/v1/odd.proto',
  package: 'odd.v1',
  syntax: 'proto3',
  dependency: ['google/protobuf/struct.proto', 'google/protobuf/wrappers.proto'],
  messageType: [
    {
      name: 'Odd',
      field: [
        fieldOf('constructor', 1, STRING),
        fieldOf('toString', 2, STRING),
        fieldOf('value', 3, MESSAGE, '.google.protobuf.Value'),
        fieldOf('values', 4, MESSAGE, '.google.protobuf.Value', REPEATED),
        fieldOf('names', 5, MESSAGE, '.google.protobuf.StringValue', REPEATED),
        fieldOf('numbers', 6, MESSAGE, '.odd.v1.Odd.NumbersEntry', REPEATED),
        { ...fieldOf('title', 7, MESSAGE, '.google.protobuf.StringValue'), oneofIndex: 0 },
        { ...fieldOf('unowned', 8, ENUM, '.google.protobuf.NullValue'), oneofIndex: 0 },
      ],
      oneofDecl: [{ name: 'owner' }],
      nestedType: [
        {
          name: 'NumbersEntry',
          options: { mapEntry: true },
          field: [fieldOf('key', 1, STRING), fieldOf('value', 2, MESSAGE, '.google.protobuf.Int64Value')],
        },
      ],
    },
    {
      name: 'Alias',
      field: [
        { ...fieldOf('full_name', 1, STRING), jsonName: 'called', oneofIndex: 0 },
        fieldOf('seals', 2, MESSAGE, '.google.protobuf.BytesValue', REPEATED),
      ],
      oneofDecl: [{ name: 'who' }],
    },
  ],
});

const strict = create(FileDescriptorProtoSchema, {
  name: 'odd/v1/strict.proto',
  package: 'odd.v1',
  syntax: 'proto2',
  messageType: [
    {
      name: 'Strict',
      field: [
        fieldOf('inner', 1, MESSAGE, '.odd.v1.Strict.Inner', REQUIRED),
        fieldOf('others', 2, MESSAGE, '.odd.v1.Strict', REPEATED),
      ],
      nestedType: [{ name: 'Inner', field: [fieldOf('id', 1, INT64, undefined, REQUIRED)] }],
      extensionRange: [{ start: 100, end: 200 }],
    },
    {
      name: 'Form',
      field: [
        fieldOf('text', 1, STRING, undefined, REQUIRED),
        fieldOf('data', 2, BYTES, undefined, REQUIRED),
        fieldOf('flag', 3, BOOL, undefined, REQUIRED),
        fieldOf('count', 4, INT32, undefined, REQUIRED),
        fieldOf('size', 5, SFIXED64, undefined, REQUIRED),
        fieldOf('kind', 6, ENUM, '.odd.v1.Form.Kind', REQUIRED),
        fieldOf('part', 7, MESSAGE, '.odd.v1.Form.Part', REQUIRED),
        fieldOf('note', 8, STRING),
      ],
      enumType: [{ name: 'Kind', value: [{ name: 'KIND_LARGE', number: 7 }] }],
      nestedType: [{ name: 'Part', field: [fieldOf('id', 1, INT64, undefined, REQUIRED), fieldOf('note', 2, STRING)] }],
    },
    {
      name: 'Folder',
      field: [
        fieldOf('title', 1, STRING),
        fieldOf('part', 2, MESSAGE, '.odd.v1.Form.Part'),
        fieldOf('parts', 3, MESSAGE, '.odd.v1.Form.Part', REPEATED),
        fieldOf('named', 4, MESSAGE, '.odd.v1.Folder.NamedEntry', REPEATED),
      ],
      nestedType: [
        {
          name: 'NamedEntry',
          options: { mapEntry: true },
          field: [fieldOf('key', 1, STRING), fieldOf('value', 2, MESSAGE, '.odd.v1.Form.Part')],
        },
      ],
    },
  ],
  extension: [{ ...fieldOf('fine', 100, INT64), extendee: '.odd.v1.Strict' }],
});

const imports = [file_google_protobuf_struct, file_google_protobuf_wrappers].map(({ proto }) => proto);

/** Knows all these types and the extension. */
export const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...imports, odd, strict] }));

/** Has `constructor`, `toString`, `value`, `values`, `names`, the map `numbers`, and the oneof `owner` of `title` and `unowned`. */
export const OddSchema = registry.getMessage('odd.v1.Odd') as DescMessage;

/** Has `full_name` in the oneof `who`, which JSON calls `called`, and `seals`, a list of wrapped bytes. */
export const AliasSchema = registry.getMessage('odd.v1.Alias') as DescMessage;

/** Requires `inner`, which requires `id`; may have `others`, of its own type. */
export const StrictSchema = registry.getMessage('odd.v1.Strict') as DescMessage;

/** Requires `text`, `data`, `flag`, `count`, `size`, `kind` and `part`, which requires `id`; may have `note`. */
export const FormSchema = registry.getMessage('odd.v1.Form') as DescMessage;

/** Requires nothing; may have `title`, and the required `id` in `part`, the list `parts` and the map `named`. */
export const FolderSchema = registry.getMessage('odd.v1.Folder') as DescMessage;

export const fine = registry.getExtension('odd.v1.fine') as DescExtension;
