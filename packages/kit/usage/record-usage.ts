// What a consumer's tests record usage with: its client and its events go through here, and a file comes of it.

import type { DescMessage, DescService, MessageShape } from '@bufbuild/protobuf';
import type { Client, Interceptor } from '@connectrpc/connect';
import { fileNameOf } from '../contract-file/contract-document.ts';
import { createTypeRegistry } from '../matching/type-registry.ts';
import { recordCalls, recordClient } from './recording-client.ts';
import { recordMessage } from './recording-message.ts';
import { UsageNotes } from './usage-notes.ts';
import { storeUsage } from './usage-store.ts';

/** Where usage is kept, and whose tests show it. */
export interface RecordUsageOptions {
  /** The folder the usage file is in, or will be: `<consumer>-<provider>.json`. */
  readonly directory: string;
  /** The test's file, as reports are to name it: relative to the repository. */
  readonly file: string;
  /** Returns the name of the test that runs, asked at every call and every event. What has none is left out of the file. */
  readonly test: () => string | undefined;
  /** Types that messages may hold in a `google.protobuf.Any`, beyond those in the files of the messages. */
  readonly types?: readonly DescMessage[];
}

/** Takes down what a consumer uses of a provider. */
export interface UsageRecorder {
  /** Returns a client that records what is called, sent and read. The consumer under test has to be given this one. */
  client<Service extends DescService>(service: Service, client: Client<Service>): Client<Service>;
  /**
   * Returns an interceptor that records what `client` does, for a consumer that makes its clients itself. It sees requests
   * as messages: fields that a literal gives their default are not seen.
   */
  interceptor(): Interceptor;
  /** Returns a message, such as an event just decoded, that records what is read of it. */
  message<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): MessageShape<Desc>;
  /**
   * Writes what was recorded in the place of what the file had of these tests. `isWhole` tells that every test of the
   * test file has run: what the usage file has of other tests of it is of tests that are gone, and goes too.
   *
   * @returns the file's path, and whether it is another now.
   * @throws UsageFileError when the file there is no usage file, or one between others.
   */
  write(options: { readonly isWhole: boolean }): Promise<{ readonly path: string; readonly hasChanged: boolean }>;
}

/**
 * Begins to record what the tests of one file show `consumer` to use of `provider`.
 *
 * @throws TypeError when a name cannot be part of a file name.
 */
export function recordUsage(consumer: string, provider: string, options: RecordUsageOptions): UsageRecorder {
  fileNameOf(consumer, provider);
  const notes = new UsageNotes();
  const begin = (desc: DescService | DescMessage) => ({
    notes: notes.of(options.test()),
    registry: createTypeRegistry([desc, ...(options.types ?? [])]),
  });
  return {
    client: (service, client) => recordClient(service, client, () => begin(service)),
    interceptor: () => recordCalls(begin),
    message: (desc, message) => recordMessage(desc, message, begin(desc)),
    write: ({ isWhole }) =>
      storeUsage(options.directory, { consumer, provider, ...notes.toUsage(options.file) }, options.file, isWhole),
  };
}
