// Stubs in JSON: the stubs of a virtual service they create, and their errors.
import { create, type DescMethod, type Message } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '../../../../packages/kit/command-line/gen/google/rpc/error_details_pb.ts';
import { applyStubs } from '../../../../packages/kit/control/stub-json.ts';
import {
  GetForecastRequestSchema,
  WeatherService,
} from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { createStub } from '../../../../packages/kit/virtual/stub.ts';
import { StubRegistry } from '../../../../packages/kit/virtual/stub-registry.ts';
import type { VirtualService } from '../../../../packages/kit/virtual/virtual-service.ts';

const { getForecast, watchTemperature } = WeatherService.method;
const rpc = 'weather.v1.WeatherService/GetForecast';
const registry = createTypeRegistry([WeatherService, ErrorInfoSchema]);

/** Reads a file of stubs into a registry. */
function load(stubs: unknown): StubRegistry {
  const stubRegistry = new StubRegistry(registry, 'initial');
  const service = { stub: (method: DescMethod, match: unknown) => createStub(stubRegistry.create(method, match)) };
  applyStubs(JSON.stringify(stubs), service as unknown as Pick<VirtualService, 'stub'>, {
    methods: WeatherService.methods,
    registry,
  });
  return stubRegistry;
}

function ask(stubRegistry: StubRegistry, town: string, method: DescMethod = getForecast) {
  return stubRegistry.find(method, [create(GetForecastRequestSchema, { town }) as Message]);
}

describe('a stub in JSON', () => {
  it('answers the requests it matches', () => {
    const stubRegistry = load([
      { rpc, match: { town: 'Oslo' }, replies: { sky: 'SKY_WET', highest_celsius: 4 } },
      { rpc, replies: {} },
    ]);

    expect(ask(stubRegistry, 'Oslo')?.action).toEqual({ kind: 'reply', reply: { sky: 'SKY_WET', highest_celsius: 4 } });
    expect(ask(stubRegistry, 'Bergen')?.action).toEqual({ kind: 'reply', reply: {} });
  });

  it('has steps one after the other, each with its own settings', () => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'CLOSED' }];
    const stubRegistry = load([
      {
        rpc,
        steps: [
          { replies: {}, delayMs: 50, withFault: 'truncate-message', times: 2 },
          { fails: { code: 'not_found', message: 'closed', details } },
          { hangs: true },
        ],
      },
    ]);

    const steps = [1, 2, 3, 4].map(() => ask(stubRegistry, 'Oslo'));

    expect(steps.slice(0, 2)).toMatchObject(Array(2).fill({ delayMs: 50, fault: { name: 'truncate-message' } }));
    expect(steps[2]?.action).toMatchObject({
      failure: { code: Code.NotFound, message: 'closed', details: [{ value: { reason: 'CLOSED' } }] },
    });
    expect(steps[3]).toMatchObject({ action: { kind: 'hang' }, delayMs: 0, fault: undefined });
  });

  it.each([
    {
      match: [{ town: 'Oslo' }],
      fault: '[0]: match: weather.v1.WeatherService/GetForecast has one request, so a list',
    },
    { match: ['Oslo'], fault: '[0]: match[0]: must be an object, not "Oslo"' },
    { match: 'Oslo', fault: '[0]: match: must be an object, not "Oslo"' },
  ])('may match a list only if its requests are a stream: $match', ({ match, fault }) => {
    expect(() => load([{ rpc, match, replies: {} }])).toThrow(fault);
  });

  it('depends on the state and changes it', () => {
    const stubRegistry = load([
      { rpc, when: ['initial'], replies: { sky: 'SKY_CLEAR' }, becomes: 'winter' },
      { rpc, when: ['winter'], fails: { code: 'unavailable' } },
    ]);

    expect([ask(stubRegistry, 'Oslo'), ask(stubRegistry, 'Oslo')]).toMatchObject([
      { action: { kind: 'reply' } },
      { action: { kind: 'fail', failure: { code: Code.Unavailable, message: '' } } },
    ]);
  });

  it('sends a stream, which can end with an error', () => {
    const messages = [{ celsius: 1 }, { celsius: -1 }];
    const fails = { code: 'aborted', message: 'the mast fell' };
    const stubRegistry = load([
      { rpc: 'weather.v1.WeatherService/WatchTemperature', replies: messages, paceMs: 20, fails },
    ]);

    expect(ask(stubRegistry, 'Oslo', watchTemperature)).toMatchObject({
      paceMs: 20,
      action: { kind: 'reply', reply: messages, failure: { code: Code.Aborted } },
    });
  });

  it.each([
    { stubs: {}, fault: 'must be a list of stubs' },
    { stubs: [5], fault: '[0]: must be an object, not 5' },
    {
      stubs: [{ rpc: 'Greet' }],
      fault: `[0]: rpc: "Greet" is not an RPC here; the RPCs are ${rpc}, weather.v1.WeatherService/WatchTemperature`,
    },
    { stubs: [{ rpc }], fault: '[0]: must have one of "replies", "fails" and "hangs": true' },
    { stubs: [{ rpc, match: { city: 'Oslo' }, replies: {} }], fault: /^\[0\]: match: city: .* has no field "city"/ },
    { stubs: [{ rpc, replies: { skyy: 1 } }], fault: /^\[0\]: replies: skyy: .* has no field "skyy"/ },
    { stubs: [{ rpc, replies: [{}] }], fault: '[0]: replies: must be an object, not [{}]' },
    { stubs: [{ rpc, reply: {} }], fault: /^\[0\]: "reply" is unknown; known are replies, / },
    { stubs: [{ rpc, steps: [{ hangs: true }], replies: {} }], fault: /^\[0\]: "replies" is unknown; known are/ },
    { stubs: [{ rpc, steps: [] }], fault: '[0]: steps: must be a list of at least one step' },
    { stubs: [{ rpc, steps: [{ hangs: true }, {}] }], fault: /^\[0\]: steps\[1\]: must have one of "replies"/ },
    { stubs: [{ rpc, when: 'winter', replies: {} }], fault: '[0]: when: must be a list of strings' },
    { stubs: [{ rpc, replies: {}, delayMs: '5' }], fault: /^\[0\]: delayMs: .*must be a number/ },
    { stubs: [{ rpc, fails: { code: 'lost' } }], fault: '[0]: fails: code: "lost" is not a code, such as not_found' },
    {
      stubs: [{ rpc, fails: { code: 'internal', details: [{ '@type': 'type.googleapis.com/a.B' }] } }],
      fault: /^\[0\]: fails: details\[0\]: /,
    },
    {
      stubs: [{ rpc: 'weather.v1.WeatherService/WatchTemperature', replies: {} }],
      fault: '[0]: replies: must be a list: weather.v1.WeatherService/WatchTemperature answers with a stream',
    },
  ])('is refused with its place and the problem: $stubs', ({ stubs, fault }) => {
    expect(() => load(stubs)).toThrow(fault);
  });
});
