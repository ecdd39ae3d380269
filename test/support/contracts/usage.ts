// The usage of one service by another, recorded in contract tests: clients and events pass through a recorder, one per test file.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DescMessage, DescService, MessageShape } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { recordUsage, type UsageRecorder } from '@touchstone/kit';
import { afterAll, afterEach, expect, type RunnerTestFile, type RunnerTestSuite } from 'vitest';

/** The folder of the usage files. */
export const USAGE = fileURLToPath(new URL('../../contract/usage/', import.meta.url));

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

let recorder: UsageRecorder | undefined;

/**
 * Starts to record what a service uses of another. The test file fails once when it changes the committed usage file. A run of some of
 * its tests updates only the usage of these tests.
 */
export function startUsageRecording(consumer: string, provider: string, types: readonly DescMessage[]): void {
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
    if (hasChanged) throw new Error(`${path} has changed: review it, commit it, and run again`);
  });
}

function statesIn({ tasks }: Pick<RunnerTestSuite, 'tasks'>): (string | undefined)[] {
  return tasks.flatMap((task) => (task.type === 'suite' ? statesIn(task) : [task.result?.state]));
}

/** Wraps a client so that its use is recorded. */
export function recordedClient<Service extends DescService>(
  service: Service,
  client: Client<Service>,
): Client<Service> {
  return recorder?.client(service, client) ?? client;
}

type EventReader = {
  readEvent<Schema extends DescMessage>(schema: Schema, payload: Uint8Array): MessageShape<Schema>;
};

/**
 * Wraps the module `services/platform/messaging/event.ts` so that the fields that handlers read of an event are recorded. A mock of that
 * module is needed because handlers decode events themselves.
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
