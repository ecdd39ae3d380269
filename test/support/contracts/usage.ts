// The usage of one service by another, recorded in contract tests: clients and events pass through a recorder, one per test file.
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DescMessage, DescService } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { recordUsage, type UsageRecorder } from '@touchstone/kit';
import { afterAll, afterEach, beforeEach, expect, type RunnerTestFile, type RunnerTestSuite, vi } from 'vitest';
import * as events from '#services/platform/messaging/event.ts';

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
  const { readEvent } = events;
  beforeEach(() => {
    // Handlers decode events themselves, so the fields they read are recorded in the decoder.
    vi.spyOn(events, 'readEvent').mockImplementation((schema, payload) =>
      usage.message(schema, readEvent(schema, payload)),
    );
  });
  let ran: RunnerTestFile | undefined;
  afterEach(({ task }) => {
    ran = task.file;
  });
  afterAll(async () => {
    recorder = undefined;
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
