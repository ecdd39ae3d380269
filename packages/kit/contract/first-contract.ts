// The text of a first contract test: of one unary RPC, with an example for each of its plain fields.

import { type DescField, type DescMessage, type DescMethod, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';
import { nameOf } from '../base/rpc-name.ts';

/** A test runner, by the name of its package; `node` is Node's own. */
export type Runner = 'node' | 'vitest' | 'jest';

/** What the test is about. */
export type FirstContract = {
  readonly consumer: string;
  readonly provider: string;
  /** Where the test finds the descriptors, as `loadSchema` takes them. */
  readonly descriptors: string;
  readonly directory: string;
  readonly method: DescMethod;
  readonly runner: Runner;
};

const IMPORTS: Readonly<Record<Runner, string>> = {
  node: "import { test } from 'node:test';\n",
  vitest: "import { test } from 'vitest';\n",
  // In jest it is global.
  jest: '',
};

/** How the test is run, by its file. */
export const RUN: Readonly<Record<Runner, (file: string) => string>> = {
  node: (file) => `node --test ${file}`,
  vitest: (file) => `npx vitest run ${file}`,
  jest: (file) => `NODE_OPTIONS=--experimental-vm-modules npx jest ${file}`,
};

/** Returns the test, as a module of JavaScript. It passes as it is. */
export function writeFirstContract(options: FirstContract): string {
  const { consumer, provider, descriptors, directory, method, runner } = options;
  const [service, rpc] = [method.parent.typeName, nameOf(method)];
  const text = (value: string) => `'${value.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
  return `// What ${consumer} sends to ${provider}, and what it relies on in the answer. The test writes the contract into ${directory}.
${IMPORTS[runner]}import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { contract, like, loadSchema } from '@touchstone/kit';

const { services } = await loadSchema(${text(descriptors)});
const service = services.find(({ typeName }) => typeName === ${text(service)});
const request = ${exampleOf(method.input, (value) => value)};

test(${text(`${consumer} calls ${method.name}`)}, async () => {
  await contract(${text(consumer)}, ${text(provider)}, { directory: ${text(directory)}, services })
    .uponReceiving('a first call')
    .calls(${text(rpc)}, request)
    // Leave out what ${consumer} does not use.
    .repliesWith(${exampleOf(method.output, (value) => `like(${value})`)})
    .run(async ({ url }) => {
      // Call the code of ${consumer} here, with this URL of ${provider}.
      const client = createClient(service, createConnectTransport({ baseUrl: url, httpVersion: '1.1' }));
      await client.${method.localName}(request);
    });
});
`;
}

function exampleOf(desc: DescMessage, wrap: (value: string) => string): string {
  const fields = desc.fields.flatMap((field): string[] => {
    const example = exampleOfField(field, wrap);
    return example === undefined ? [] : [`${field.localName}: ${example}`];
  });
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

// Lists, maps and messages are for the reader to add, unless nothing can be sent without them.
function exampleOfField(field: DescField, wrap: (value: string) => string): string | undefined {
  if (field.oneof || field.fieldKind === 'list' || field.fieldKind === 'map') return undefined;
  if (field.message) {
    const isRequired = field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED;
    return isRequired ? exampleOf(field.message, wrap) : undefined;
  }
  if (field.enum) return wrap(String(field.enum.values.find(({ number }) => number !== 0)?.number ?? 0));
  switch (field.scalar) {
    case ScalarType.STRING:
      return wrap("'text'");
    case ScalarType.BOOL:
      return wrap('true');
    case ScalarType.BYTES:
      return wrap('new Uint8Array([1])');
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return wrap('1n');
    default:
      return wrap('1');
  }
}
