// The sources in third_party/: they say the same as the package whose generated code is used in their place.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clearField, clone, equals, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Without comments and the options of generators, which buf leaves out of one of the two. */
function essence(file: FileDescriptorProto): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, file);
  clearField(copy, FileDescriptorProtoSchema.field.sourceCodeInfo);
  clearField(copy, FileDescriptorProtoSchema.field.options);
  return copy;
}

it('the rules of protovalidate are those of its npm package', async () => {
  const { stdout } = await promisify(execFile)(
    join(ROOT, 'node_modules/.bin/buf'),
    ['build', 'third_party/protovalidate', '--output', '-', '--as-file-descriptor-set'],
    { cwd: ROOT, encoding: 'buffer', maxBuffer: 16 * 1024 * 1024 },
  );
  const source = fromBinary(FileDescriptorSetSchema, stdout).file.find(
    ({ name }) => name === 'buf/validate/validate.proto',
  );
  if (source === undefined) throw new Error('buf built no buf/validate/validate.proto');

  expect(equals(FileDescriptorProtoSchema, essence(source), essence(file_buf_validate_validate.proto))).toBe(true);
});
