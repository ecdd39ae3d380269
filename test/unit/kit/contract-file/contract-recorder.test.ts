// What a recorder knows of the types of its interactions, and what names one.
import type { JsonObject } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { declareCall, declareFailure, detail } from '../../../../packages/kit/contract/declare-rpc.ts';
import { ContractError } from '../../../../packages/kit/contract-file/contract-error.ts';
import { ContractRecorder } from '../../../../packages/kit/contract-file/contract-recorder.ts';
import { ContractStore } from '../../../../packages/kit/contract-file/contract-store.ts';
import { keyOf, titleOf } from '../../../../packages/kit/contract-file/interaction.ts';
import { writeInteraction } from '../../../../packages/kit/contract-file/interaction-json.ts';
import { declareEvent } from '../../../../packages/kit/events/declare-event.ts';
import { BookLentSchema } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import { GetForecastRequestSchema } from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { getBook, interactionOf, registry } from '../contract/library-interactions.ts';

const call = interactionOf('a call', getBook, { bookId: 'b1' });
const event = declareEvent('lent', [], BookLentSchema, { bookId: 'b1' }, {});
const rain = declareFailure(declareCall('rain', [], getBook, {}), Code.Unavailable, 'rain', [
  detail(GetForecastRequestSchema, {}),
]);

const recorderOf = (types?: [typeof GetForecastRequestSchema]) =>
  new ContractRecorder('Reader', 'Library', { directory: '/nowhere', ...(types && { types }) });

describe('the registry of a recorder', () => {
  it.each([
    { what: 'a call', interactions: [call], types: undefined, knows: [true, false] },
    { what: 'an event', interactions: [event], types: undefined, knows: [true, false] },
    { what: 'the details of an error', interactions: [rain], types: undefined, knows: [true, true] },
    {
      what: 'a call, and given types',
      interactions: [call],
      types: [GetForecastRequestSchema] as [typeof GetForecastRequestSchema],
      knows: [true, true],
    },
  ])('knows the types of $what', ({ interactions, types, knows }) => {
    const registry = recorderOf(types).registryOf(interactions);

    expect(
      [BookLentSchema, GetForecastRequestSchema].map(({ typeName }) => registry.getMessage(typeName) !== undefined),
    ).toEqual(knows);
  });

  it('is kept for the next interactions with the same types only', () => {
    const recorder = recorderOf();
    const registry = recorder.registryOf([call]);

    expect(recorder.registryOf([interactionOf('another call', getBook, {})])).toBe(registry);
    expect(recorder.registryOf([event])).not.toBe(registry);
  });

  it('is not kept when the next interactions have more types', () => {
    const recorder = recorderOf();
    recorder.registryOf([call]);

    expect(recorder.registryOf([rain]).getMessage(GetForecastRequestSchema.typeName)).toBeDefined();
  });
});

describe('a pruned contract', () => {
  it('keeps what was recorded, whatever its states, and names what it loses', async () => {
    const given = (params: JsonObject) => ({
      ...call,
      states: [
        { name: 'open', params },
        { name: 'full', params: {} },
      ],
    });
    const [kept, keptInState, lost, lostInState] = [
      call,
      given({ room: 5 }),
      { ...call, description: 'old' },
      given({}),
    ];
    const stored = [kept, keptInState, lost, lostInState].map((interaction) => writeInteraction(interaction, registry));
    vi.spyOn(ContractStore.prototype, 'merge').mockResolvedValue();
    vi.spyOn(ContractStore.prototype, 'prune').mockImplementation(async (isKept) =>
      stored.filter((json) => !isKept(json)),
    );
    const recorder = recorderOf();
    await recorder.record([kept, keptInState]);

    expect(await recorder.prune()).toEqual(['old', 'a call']);
  });
});

describe('the name of an interaction', () => {
  const given = (...names: string[]) => ({ ...call, states: names.map((name) => ({ name, params: {} })) });

  it('is its description and its states', () => {
    expect([call, given('open'), given('open', 'full')].map(titleOf)).toEqual([
      'a call',
      'a call, given open',
      'a call, given open and full',
    ]);
    expect(keyOf(given('open'))).toBe('["a call",[{"name":"open","params":{}}]]');
  });

  it('is that of one interaction', async () => {
    const different = interactionOf('a call', getBook, { bookId: 'b2' });

    await expect(recorderOf().record([call, different])).rejects.toThrow(
      new ContractError('"a call" names two different interactions: rename one of them'),
    );
  });

  it('may be recorded again for the same one', async () => {
    const merge = vi.spyOn(ContractStore.prototype, 'merge').mockResolvedValue();
    const recorder = recorderOf();

    expect([await recorder.record([call]), await recorder.record([call])]).toEqual(
      Array(2).fill('/nowhere/Reader-Library.json'),
    );
    expect(merge.mock.calls.map(([interactions]) => interactions.map(({ description }) => description))).toEqual([
      ['a call'],
      ['a call'],
    ]);
  });
});
