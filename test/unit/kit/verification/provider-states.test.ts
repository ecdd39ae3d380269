// States are set up in order and torn down in reverse, whatever happens between.
import { describe, expect, it } from 'vitest';
import { assertHandled, inStates } from '../../../../packages/kit/verification/provider-states.ts';
import { getBook, interactionOf } from '../contract/library-interactions.ts';

function recordStates(fault?: { at: string }) {
  const events: string[] = [];
  const note = (event: string) => {
    events.push(event);
    if (fault?.at === event) throw new Error('broken');
  };
  const handler = (name: string) => (params: object) => {
    note(`set up ${name} ${JSON.stringify(params)}`);
    return { teardown: () => note(`tear down ${name}`) };
  };
  return { events, note, handlers: { open: handler('open'), lit: handler('lit'), quiet: () => note('quiet') } };
}

const states = [
  { name: 'open', params: { from: 9 } },
  { name: 'quiet', params: {} },
  { name: 'lit', params: {} },
];
const all = ['set up open {"from":9}', 'quiet', 'set up lit {}', 'act', 'tear down lit', 'tear down open'];

describe('states', () => {
  it('are set up in order, with their parameters, and torn down in reverse', async () => {
    const { events, note, handlers } = recordStates();

    await inStates(states, handlers, async () => note('act'));

    expect(events).toEqual(all);
  });

  it('are torn down when what is done in them fails', async () => {
    const { events, note, handlers } = recordStates({ at: 'act' });

    await expect(inStates(states, handlers, async () => note('act'))).rejects.toThrow('broken');
    expect(events).toEqual(all);
  });

  it('that were set up are torn down when a later one cannot be', async () => {
    const { events, note, handlers } = recordStates({ at: 'set up lit {}' });

    await expect(inStates(states, handlers, async () => note('act'))).rejects.toThrow(
      'state "lit": setting it up failed: broken',
    );
    expect(events).toEqual(['set up open {"from":9}', 'quiet', 'set up lit {}', 'tear down open']);
  });

  it('are all torn down when one teardown fails, and the failure is reported', async () => {
    const { events, note, handlers } = recordStates({ at: 'tear down lit' });

    await expect(inStates(states, handlers, async () => note('act'))).rejects.toThrow(
      'state "lit": tearing it down failed',
    );
    expect(events).toEqual(all);
  });
});

describe('a state without a handler', () => {
  it('is named, with an interaction that is given it', () => {
    const interaction = interactionOf('a question', getBook, {}, {}, states);

    expect(() => assertHandled([interaction], { open: () => undefined, lit: () => undefined })).toThrow(
      'states: there is no handler for\n  "quiet", for "a question, given open and quiet and lit"',
    );
    expect(() => assertHandled([interaction], recordStates().handlers)).not.toThrow();
  });

  it('is not taken for what every object has', () => {
    const interaction = interactionOf('a question', getBook, {}, {}, [{ name: 'toString', params: {} }]);

    expect(() => assertHandled([interaction], {})).toThrow('"toString"');
  });
});
