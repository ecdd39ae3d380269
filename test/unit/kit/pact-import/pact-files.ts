// Pact files as pact-protobuf-plugin writes them, for the types of the library.
import { create, type DescMessage, fromJson, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  file_library_v1_library,
  LibraryService,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { registry } from '../recording/library-recording.ts';

const KEY = '0123456789abcdef0123456789abcdef';
const set = create(FileDescriptorSetSchema, {
  file: [...file_library_v1_library.dependencies, file_library_v1_library].map(({ proto }) => proto),
});
const descriptors = Buffer.from(toBinary(FileDescriptorSetSchema, set)).toString('base64');

/** A rule, or several, for a path. */
export type Rules = Readonly<Record<string, object | readonly object[]>>;

/** Returns rules as they are in a file. */
function rulesOf(rules: Rules): JsonObject {
  const entries = Object.entries(rules).map(([path, given]) => [path, { combine: 'AND', matchers: [given].flat() }]);
  return Object.fromEntries(entries);
}

/** Returns a message with its rules as it is in a request, an answer or an event. */
export function contentsOf(
  desc: DescMessage,
  json: JsonObject | Uint8Array,
  body: Rules = {},
  metadata: Readonly<Record<string, string>> = {},
  ofMetadata: Rules = {},
): JsonObject {
  const bytes = json instanceof Uint8Array ? json : toBinary(desc, fromJson(desc, json, { registry }));
  const contentType = `application/protobuf;message=.${desc.typeName}`;
  return {
    contents: {
      content: Buffer.from(bytes).toString('base64'),
      contentType,
      contentTypeHint: 'BINARY',
      encoded: 'base64',
    },
    matchingRules: { body: rulesOf(body), metadata: rulesOf(ofMetadata) },
    metadata: { contentType, ...metadata },
  };
}

/** Returns a call of GetBook as it is in a file. */
export function callOf(request: JsonObject, response: JsonObject, change: JsonObject = {}): JsonObject {
  return {
    type: 'Synchronous/Messages',
    key: 'c7fbe3ee',
    description: 'a question for a book',
    interactionMarkup: { markup: '```protobuf\nmessage ...\n```\n', markupType: 'COMMON_MARK' },
    pending: false,
    pluginConfiguration: { protobuf: { descriptorKey: KEY, service: `.${LibraryService.typeName}/GetBook` } },
    request,
    response: [response],
    transport: 'grpc',
    ...change,
  };
}

/** Returns an event as it is in a file. */
export function eventOf(desc: DescMessage, contents: JsonObject, change: JsonObject = {}): JsonObject {
  return {
    type: 'Asynchronous/Messages',
    description: 'a book was lent',
    pluginConfiguration: { protobuf: { descriptorKey: KEY, message: `.${desc.typeName}` } },
    ...contents,
    ...change,
  };
}

/** Returns the text of a file with these interactions. */
export function pactFile(interactions: readonly JsonObject[], change: JsonObject = {}): string {
  return JSON.stringify({
    consumer: { name: 'Reader' },
    provider: { name: 'Library' },
    interactions,
    metadata: {
      pactSpecification: { version: '4.0' },
      plugins: [
        {
          name: 'protobuf',
          version: '0.6.4',
          configuration: { [KEY]: { protoDescriptors: descriptors, protoFile: '' } },
        },
      ],
    },
    ...change,
  });
}
