// What the shop's services use of each other, recorded in their contract tests: their clients and the events they are given
// go through here. One recorder a test file, begun by its contract.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DescMessage, DescService, MessageShape } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { recordUsage, type UsageRecorder } from '@touchstone/kit';
import { afterAll, afterEach, expect, type RunnerTestFile, type RunnerTestSuite } from 'vitest';

/** Where the usage files are kept. */
export const USAGE = fileURLToPath(new URL('../../contract/usage/', import.meta.url));

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let recorder: UsageRecorder | undefined;

/**
 * Begins to record what a service uses of another. The test file fails once when it changes the usage file, which is
 * committed; with a part of its tests, it changes what that part says.
 */
export function beginUsage(consumer: string, provider: string, types: readonly DescMessage[]): void {
  const { testPath } = expect.getState();
  if (testPath === undefined) throw new Error('usage is recorded in a test file');
  const usage = recordUsage(consumer, provider, {
    directory: USAGE,
    file: relative(ROOT, testPath),
    test: () => expect.getState().currentTestName,
    types,
  });
  recorder = usage;
  let ran: RunnerTestFile | undefined;
  afterEach(({ task }) => {
    ran = task.file;
  });
  afterAll(async () => {
    const states = ran === undefined ? [] : statesIn(ran);
    if (ran === undefined || states.includes('fail')) return;
    const { path, hasChanged } = await usage.write({ isWhole: states.every((state) => state === 'pass') });
    if (hasChanged) throw new Error(`${path} has changed: look at what is used now, commit it, and run again`);
  });
}

function statesIn({ tasks }: Pick<RunnerTestSuite, 'tasks'>): (string | undefined)[] {
  return tasks.flatMap((task) => (task.type === 'suite' ? statesIn(task) : [task.result?.state]));
}

/** Returns the client that a service is to be given in place of this one, so that its use is recorded. */
export function recordedClient<Service extends DescService>(
  service: Service,
  client: Client<Service>,
): Client<Service> {
  return recorder?.client(service, client) ?? client;
}

interface EventReader {
  readEvent<Schema extends DescMessage>(schema: Schema, payload: Uint8Array): MessageShape<Schema>;
}

/**
 * Returns `services/platform/messaging/event.ts` as handlers are to see it: what they read of an event is recorded. For a mock of
 * that module, since handlers take bytes and decode them themselves.
 */
export function recordEvents<Module extends EventReader>(real: Module): Module {
  return {
    ...real,
    readEvent: <Schema extends DescMessage>(schema: Schema, payload: Uint8Array) => {
      const event = real.readEvent(schema, payload);
      return recorder?.message(schema, event) ?? event;
    },
  };
}
