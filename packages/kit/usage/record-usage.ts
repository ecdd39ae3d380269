// The recorder of usage, with which the tests of a consumer record which parts of a contract it uses.

import type { DescMessage, DescService, MessageShape } from '@bufbuild/protobuf';
import type { Client, Interceptor } from '@connectrpc/connect';
import { fileNameOf } from '../contract-file/contract-document.ts';
import { createTypeRegistry, type KnownType } from '../matching/type-registry.ts';
import { recordCalls, recordClient } from './recording-client.ts';
import { recordMessage } from './recording-message.ts';
import { UsageRecord } from './usage-record.ts';
import { storeUsage } from './usage-store.ts';

/** The usage file, and the tests that record usage. */
export type RecordUsageOptions = {
  /** The folder of the usage file, `<consumer>-<provider>.json`. */
  readonly directory: string;
  /** The test file, as reports should name it: relative to the repository. */
  readonly file: string;
  /** Returns the name of the running test. It is called with every RPC and event. Usage outside tests is not written. */
  readonly test: () => string | undefined;
  /** Types that messages may hold in a `google.protobuf.Any`, in addition to those in the files of the messages. */
  readonly types?: readonly KnownType[];
};

/** Records what a consumer uses of a provider. */
export type UsageRecorder = {
  /** Returns a client that records what is called, sent and read. The consumer under test has to use this client. */
  client<Service extends DescService>(service: Service, client: Client<Service>): Client<Service>;
  /**
   * Returns an interceptor that records the same, for a consumer that creates its clients itself. It sees requests as messages,
   * so it does not record fields that a literal sets to their default.
   */
  interceptor(): Interceptor;
  /** Returns a message, such as a decoded event, that records which of its fields are read. */
  message<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): MessageShape<Desc>;
  /**
   * Writes the recorded usage to the usage file, where it replaces that of the same tests. `isWhole` states that every test of
   * the test file has run: usage of its other tests, which no longer exist, is then removed.
   *
   * @returns the path of the file, and whether its content has changed.
   * @throws {UsageFileError} if the existing file is not a usage file, or belongs to another consumer or provider.
   */
  write(options: { readonly isWhole: boolean }): Promise<{ readonly path: string; readonly hasChanged: boolean }>;
};

/**
 * Creates a recorder for the tests of one file.
 *
 * @throws {TypeError} if a name cannot be part of a file name.
 */
export function recordUsage(consumer: string, provider: string, options: RecordUsageOptions): UsageRecorder {
  fileNameOf(consumer, provider);
  const record = new UsageRecord();
  const begin = (desc: DescService | DescMessage) => ({
    record: record.of(options.test()),
    registry: createTypeRegistry([desc, ...(options.types ?? [])]),
  });
  return {
    client: (service, client) => recordClient(service, client, () => begin(service)),
    interceptor: () => recordCalls(begin),
    message: (desc, message) => recordMessage(desc, message, begin(desc)),
    write: ({ isWhole }) =>
      storeUsage(options.directory, { consumer, provider, ...record.toUsage(options.file) }, options.file, isWhole),
  };
}
