// The interactions that answer in some states of the provider.
import { expect, it } from 'vitest';
import { SelectedInteractions } from '../../../../packages/kit/contract/selected-interactions.ts';
import { getBook, interactionOf, registry } from './library-interactions.ts';

const stateOf = (name: string) => ({ name, params: {} });
const interactions = [
  interactionOf('always', getBook, { bookId: 'b1' }),
  interactionOf('when open', getBook, { bookId: 'b2' }, {}, [stateOf('open')]),
  interactionOf('when open and lent', getBook, { bookId: 'b3' }, {}, [stateOf('open'), stateOf('lent')]),
];

it.each([
  { states: undefined, answering: ['always', 'when open', 'when open and lent'] },
  { states: [], answering: ['always'] },
  { states: ['open'], answering: ['always', 'when open'] },
  { states: ['lent'], answering: ['always'] },
  { states: ['open', 'lent'], answering: ['always', 'when open', 'when open and lent'] },
])('are those that need no other state: $states', ({ states, answering }) => {
  const selected = new SelectedInteractions(interactions, { registry }, { states, option: 'contractStates' });

  expect(selected.registry.interactions.map(({ description }) => description)).toEqual(answering);
});
