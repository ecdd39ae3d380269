// A consumer's handler is run for every delivery asked for; only a handler that got through all is recorded.
import { describe, expect, it } from 'vitest';
import { type Interaction, titleOf } from '../../../../packages/kit/contract-file/interaction.ts';
import { declareEvent } from '../../../../packages/kit/events/declare-event.ts';
import { handleEvents } from '../../../../packages/kit/events/handle-events.ts';
import {
  BookLentSchema,
  BookReturnedSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';

const lent = declareEvent('lent', [], BookLentSchema, { bookId: 'b1' }, {});
const returned = declareEvent('returned', [], BookReturnedSchema, { bookId: 'b1' }, { subject: 'books.returned' });

function createRecorder() {
  const recorded: string[] = [];
  return {
    recorded,
    record: async (interactions: readonly Interaction[]) => {
      recorded.push(...interactions.map(titleOf));
      return 'a file';
    },
  };
}

describe('handling events', () => {
  it('runs the handler with each and records them', async () => {
    const recorder = createRecorder();
    const subjects: string[] = [];

    await handleEvents([lent, returned], recorder, ({ subject }) => subjects.push(subject));

    expect(subjects).toEqual(['library.v1.BookLent', 'books.returned']);
    expect(recorder.recorded).toEqual(['lent', 'returned']);
  });

  it('starts a consumer for each run and checks it at the end', async () => {
    const runs: string[] = [];

    await handleEvents(
      [lent, returned],
      createRecorder(),
      {
        start: (delivery) => {
          runs.push(`start ${delivery}`);
          return { handle: () => runs.push('event'), check: () => runs.push('check') };
        },
      },
      { deliveries: ['once', 'reordered'] },
    );

    expect(runs).toEqual(['start once', 'event', 'event', 'check', 'start reordered', 'event', 'event', 'check']);
  });

  it('records nothing when the check fails', async () => {
    const recorder = createRecorder();
    const failing = {
      start: () => ({
        handle: () => 'handled',
        check: () => {
          throw new Error('two loans');
        },
      }),
    };

    await expect(handleEvents([lent], recorder, failing, { deliveries: ['redelivered'] })).rejects.toThrow(
      'redelivered: the check after it: two loans',
    );
    expect(recorder.recorded).toEqual([]);
  });

  it('waits for a handler that takes its time', async () => {
    await expect(
      handleEvents([lent], createRecorder(), async () => {
        await Promise.resolve();
        throw new Error('too late');
      }),
    ).rejects.toThrow('once: event 1, lent: too late');
  });

  it('of no events, or in no delivery, is an error', async () => {
    await expect(handleEvents([], createRecorder(), () => 'x')).rejects.toThrow('there is no event to handle');
    await expect(handleEvents([lent], createRecorder(), () => 'x', { deliveries: [] })).rejects.toThrow('no event');
  });
});
