// Records what the page uses of one service with the kit's recorder, as the tests of other consumers do by their calls.
import { create, type DescEnum, type DescField, type DescMessage, type DescService } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { recordUsage, type UsageRecorder } from '@touchstone/kit';
import type { PageUsage } from './page-usage.ts';
import { USAGE } from './usage.ts';

export type PageRecording = {
  /** The test file and the test that state the usage. */
  readonly file: string;
  readonly test: string;
  /** The folder of the usage file. Default that of the repository. */
  readonly directory?: string;
};

/**
 * Writes the usage file of the page and one service: the calls of its RPCs, and what is read and sent in the messages that they reach.
 *
 * @returns the path of the file, and whether its content has changed.
 */
export async function recordPageUsage(
  service: DescService,
  usage: PageUsage,
  { file, test, directory = USAGE }: PageRecording,
): Promise<{ readonly path: string; readonly hasChanged: boolean }> {
  const provider = service.name;
  const recorder = recordUsage('Console', provider, { directory, file, test: () => test });
  const methods = service.methods.filter(({ name }) => usage.calls.has(`${service.typeName}.${name}`));
  for (const { input, localName } of methods) {
    const client = recorder.client(service, answerNothing(service)) as Record<string, (request: object) => unknown>;
    client[localName]?.(requestOf(input, usage));
  }
  for (const type of reachableFrom(methods.map(({ output }) => output))) readFields(type, usage, recorder);
  return await recorder.write({ isWhole: true });
}

function answerNothing<Service extends DescService>(service: Service): Client<Service> {
  const answers = service.methods.map(({ localName }) => [localName, () => new Promise(() => undefined)]);
  return Object.fromEntries(answers) as Client<Service>;
}

/** A request with every field that the page sends, in the messages inside it too. */
function requestOf({ name, fields }: DescMessage, usage: PageUsage): object {
  const sent = fields.filter(({ localName }) => usage.sends.has(`${name}.${localName}`));
  return Object.fromEntries(sent.map((field) => [field.localName, exampleOf(field, usage)]));
}

function exampleOf(field: DescField, usage: PageUsage): unknown {
  if (field.message === undefined) return field.scalar === undefined ? 1 : '';
  const inner = requestOf(field.message, usage);
  return field.fieldKind === 'list' ? [inner] : inner;
}

/** Reads the fields of one type that the page reads, once for each value of an enum that it tells apart. */
function readFields(type: DescMessage, usage: PageUsage, recorder: UsageRecorder): void {
  for (const field of type.fields) {
    if (!usage.reads.has(`${type.typeName}.${field.name}`)) continue;
    const values = field.enum === undefined ? [undefined] : valuesOf(field.enum, usage);
    for (const value of values) {
      const message = create(type, value === undefined ? {} : ({ [field.localName]: value } as never));
      void (recorder.message(type, message) as unknown as Record<string, unknown>)[field.localName];
    }
  }
}

function valuesOf(desc: DescEnum, usage: PageUsage): (number | undefined)[] {
  const named = desc.values.filter(({ name }) => usage.values.has(`${desc.typeName}.${name}`));
  return named.length === 0 ? [undefined] : named.map(({ number }) => number);
}

/** These types, and those of their fields, and so on. */
function reachableFrom(types: readonly DescMessage[]): Set<DescMessage> {
  const reached = new Set<DescMessage>();
  const add = (type: DescMessage): void => {
    if (reached.has(type)) return;
    reached.add(type);
    for (const { message } of type.fields) if (message !== undefined) add(message);
  };
  for (const type of types) add(type);
  return reached;
}
