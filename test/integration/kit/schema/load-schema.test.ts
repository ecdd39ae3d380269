import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { loadSchema } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';

const library = 'packages/kit/examples/library/proto';
const names = ['library.v1.LibraryService'];

/** A folder that goes away, with the library's schema in it: as sources, as an image and in other forms. */
async function makeSources() {
  const path = await mkdtemp(join(tmpdir(), 'kit-schema-'));
  const at = (name: string) => join(path, name);
  await cp(library, at('proto'), { recursive: true });
  const build = (file: string, ...given: string[]) =>
    promisify(execFile)('buf', ['build', at('proto'), '--output', at(file), ...given]);
  return { at, build, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const servicesOf = async (source: string) => (await loadSchema(source)).services.map(({ typeName }) => typeName);

describe('a schema', () => {
  it('is the same out of an image, an image as JSON, a folder of sources and a single one', async () => {
    await using sources = await makeSources();
    await sources.build('library.binpb');
    await sources.build('library.json');

    for (const name of ['library.binpb', 'library.json', 'proto', 'proto/library/v1/library.proto']) {
      const { services, registry } = await loadSchema(sources.at(name));

      expect(services.map(({ typeName }) => typeName)).toEqual(names);
      expect(services[0]?.method.getBook?.input.field.bookId?.name).toBe('book_id');
      expect(registry.getMessage('google.protobuf.Timestamp')).toBeDefined();
    }
  });

  it('takes a descriptor set whose files are in any order', async () => {
    await using sources = await makeSources();
    await sources.build('library.binpb', '--as-file-descriptor-set');
    const set = fromBinary(FileDescriptorSetSchema, await readFile(sources.at('library.binpb')));
    set.file.reverse();
    await writeFile(sources.at('reversed.pb'), toBinary(FileDescriptorSetSchema, set));

    expect(await servicesOf(sources.at('reversed.pb'))).toEqual(names);
  });

  it('has neither the services of imports nor those that every server brings', async () => {
    await using sources = await makeSources();
    await writeFile(
      sources.at('proto/shelf.proto'),
      `syntax = "proto3";
      package shelf.v1;
      import "library/v1/library.proto";
      import "health.proto";
      service ShelfService { rpc Find(library.v1.Book) returns (grpc.health.v1.Status); }`,
    );
    await writeFile(
      sources.at('proto/health.proto'),
      `syntax = "proto3"; package grpc.health.v1; message Status {} service Health { rpc Check(Status) returns (Status); }`,
    );
    await writeFile(
      sources.at('proto/testing.proto'),
      `syntax = "proto3"; package grpc.testing; message Empty {} service TestService { rpc Call(Empty) returns (Empty); }`,
    );
    await sources.build('shelf.binpb', '--path', sources.at('proto/shelf.proto'));
    await sources.build('shelf.json', '--path', sources.at('proto/shelf.proto'));

    expect(await servicesOf(sources.at('shelf.binpb'))).toEqual(['shelf.v1.ShelfService']);
    expect(await servicesOf(sources.at('shelf.json'))).toEqual(['shelf.v1.ShelfService']);
    expect(await servicesOf(sources.at('proto'))).toEqual([
      'grpc.testing.TestService',
      ...names,
      'shelf.v1.ShelfService',
    ]);
  });
});

describe('a source that holds no schema', () => {
  type Sources = Awaited<ReturnType<typeof makeSources>>;
  const write = (name: string, text: string) => (sources: Sources) => writeFile(sources.at(name), text);

  it.each([
    { what: 'is not there', name: 'nowhere.binpb', fault: 'there is no such file or folder', prepare: () => undefined },
    { what: 'is something else', name: 'a.binpb', fault: 'is no descriptor set', prepare: write('a.binpb', 'hello') },
    { what: 'is not JSON', name: 'a.json', fault: 'is no descriptor set', prepare: write('a.json', 'hello') },
    { what: 'has no service', name: 'a.binpb', fault: 'defines no service', prepare: write('a.binpb', '') },
    {
      what: 'lacks its imports',
      name: 'a.binpb',
      fault: 'imported by library/v1/library.proto, is missing',
      prepare: (sources: Sources) => sources.build('a.binpb', '--exclude-imports'),
    },
    {
      what: 'does not compile',
      name: 'proto',
      fault: 'proto/bad.proto:1:32:cannot find `Nope` in this scope (and 1 more)',
      prepare: write('proto/bad.proto', 'syntax = "proto3"; message M { Nope a = 1; Nil b = 2; }'),
    },
    {
      what: 'has no sources',
      name: 'proto',
      fault: 'had no .proto files',
      prepare: (sources: Sources) => rm(sources.at('proto/library'), { recursive: true }),
    },
  ])('is named with what is wrong, when it $what', async ({ name, fault, prepare }) => {
    await using sources = await makeSources();
    await prepare(sources);

    const error = await loadSchema(sources.at(name)).then(
      () => undefined,
      (reason: Error) => reason,
    );

    expect(error?.message).toContain(`${sources.at(name)}: `);
    expect(error?.message).toContain(fault);
  });
});
