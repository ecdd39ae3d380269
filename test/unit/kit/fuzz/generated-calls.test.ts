// Generated messages and calls: every type of a schema can be generated, encoded and sent.
import { create, type DescMessage, toBinary, toJson } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderService } from '#gen/shop/order/v1/order_service_pb.ts';
import {
  LibraryService,
  ReturnBooksRequestSchema,
} from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import {
  GetForecastRequestSchema,
  WeatherService,
} from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { changedCalls, ordinaryCalls, randomCalls } from '../../../../packages/kit/fuzz/calls/call-generator.ts';
import { encodeRequest } from '../../../../packages/kit/fuzz/calls/encode-request.ts';
import { causeOf } from '../../../../packages/kit/fuzz/calls/fuzz-call.ts';
import { FUZZ_WIRES, type FuzzWire } from '../../../../packages/kit/fuzz/calls/fuzz-wire.ts';
import { messagesOf } from '../../../../packages/kit/fuzz/calls/messages.ts';
import { createTypeRegistry } from '../../../../packages/kit/matching/type-registry.ts';
import { registry as everyTypeRegistry, ValuesSchema } from '../matching/every-type.ts';
import { OddSchema, registry as oddRegistry, StrictSchema } from '../matching/odd-fields.ts';

const hints = { of: () => ({}), ofElement: () => undefined };
const UNCHANGED = { deviation: undefined, damage: undefined };
const source = { wires: FUZZ_WIRES, hints, examples: new Map() };
const inputs: readonly DescMessage[] = [
  ValuesSchema,
  OddSchema,
  StrictSchema,
  ...[...LibraryService.methods, ...OrderService.methods].flatMap(({ input, output }) => [input, output]),
];
const registry = createTypeRegistry([LibraryService, OrderService]);

describe.each(['plausible', 'any'] as const)('a message with %s values', (values) => {
  it.each(inputs.map((desc) => [desc.typeName, desc] as const))('of type %s can be encoded', (_, desc) => {
    const types = [everyTypeRegistry, oddRegistry].find((of) => of.getMessage(desc.typeName)) ?? registry;

    void fc.assert(
      fc.property(messagesOf(desc, { values, hints }), (message) => {
        toBinary(desc, message);
        toJson(desc, message, { registry: types });
      }),
      { numRuns: 30 },
    );
  });
});

describe('generated calls', () => {
  const libraryMethods = LibraryService.methods;
  const sampleOf = (calls: fc.Arbitrary<unknown>) => fc.sample(calls, { seed: 1, numRuns: 5 });

  it('are the same for the same seed', () => {
    const [group] = ordinaryCalls({ ...source, methods: libraryMethods });

    expect(group && sampleOf(group.calls)).toEqual(group && sampleOf(group.calls));
  });

  it('of conversations are made over HTTP/2 only', () => {
    const wires = ordinaryCalls({ ...source, methods: [LibraryService.method.askLibrarian] }).flatMap(({ calls }) =>
      fc.sample(calls, 1).map(({ wire }) => wire.http),
    );

    expect(wires).toEqual(['2', '2', '2', '2']);
  });

  it('are encoded on every wire, with every boundary value and every damage', () => {
    const causes = new Set<string>();
    for (const { calls } of changedCalls({ ...source, methods: libraryMethods })) {
      for (const call of fc.sample(calls, { seed: 3, numRuns: 3 })) {
        causes.add(causeOf(call));
        expect(encodeRequest(call, registry, {}).body).toBeInstanceOf(Uint8Array);
      }
    }

    expect([...causes]).toEqual(
      expect.arrayContaining(['book_id: empty string', 'truncated', 'no message', 'deeply nested JSON']),
    );
  });

  it('of an RPC without side effects are made by GET too, in Connect and while the URL is short', () => {
    const method = WeatherService.method.getForecast;
    const sentBy = (town: string, wire: FuzzWire) => {
      const call = { method, wire, messages: [create(GetForecastRequestSchema, { town })], ...UNCHANGED };
      return encodeRequest({ ...call, isGet: true }, registry, {}).httpMethod;
    };
    const [group] = ordinaryCalls({ ...source, methods: [method], wires: FUZZ_WIRES.slice(0, 1) });
    const generated = group ? fc.sample(group.calls, { seed: 1, numRuns: 20 }).map(({ isGet }) => isGet) : [];

    expect(new Set(generated)).toEqual(new Set([true, false]));
    expect(FUZZ_WIRES.filter((wire) => sentBy('Oslo', wire) === 'GET').map(({ protocol }) => protocol)).toEqual(
      Array(4).fill('connect'),
    );
    expect(FUZZ_WIRES.filter((wire) => sentBy('x'.repeat(4_001), wire) === 'GET')).toEqual([]);
  });

  it('of other RPCs are never made by GET', () => {
    const calls = ordinaryCalls({ ...source, methods: libraryMethods })
      .filter(({ method }) => method.idempotency !== IdempotencyLevel.NO_SIDE_EFFECTS)
      .flatMap(({ calls: generated }) => fc.sample(generated, { seed: 2, numRuns: 5 }));

    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((call) => encodeRequest(call, registry, {}).httpMethod === 'GET')).toEqual([]);
  });

  it('vary the requests of a recording', () => {
    const method = WeatherService.method.getForecast;
    const recorded = create(GetForecastRequestSchema, { town: 'Oslo', daysAhead: 3 });
    const [group] = ordinaryCalls({ ...source, methods: [method], examples: new Map([[method, [recorded]]]) });
    const sent = group ? fc.sample(group.calls, { seed: 1, numRuns: 20 }).flatMap(({ messages }) => messages) : [];

    expect(sent.filter((message) => message === recorded).length).toBeGreaterThan(10);
  });

  it('with any values have streams of none to three requests', () => {
    const { calls } = randomCalls({ ...source, methods: [] }, LibraryService.method.returnBooks);
    const sizes = new Set(fc.sample(calls, { seed: 1, numRuns: 60 }).map(({ messages }) => messages.length));

    expect([...sizes].sort()).toEqual([0, 1, 2, 3]);
  });
});

describe('a text that is not Unicode', () => {
  it.each([
    ['Connect JSON, HTTP/1.1', '"bookId":"\\ud800"'],
    ['gRPC, HTTP/2', '\xff\xff\xff'],
  ])('is sent as such by %s', (name, expected) => {
    const wire = FUZZ_WIRES.find((candidate) => candidate.name === name);
    const group = changedCalls({ ...source, wires: wire ? [wire] : [], methods: [LibraryService.method.returnBooks] });
    const calls = group.flatMap((each) => fc.sample(each.calls, 1));
    const call = calls.find(({ deviation }) => deviation?.isInvalidText);

    const { body } = encodeRequest(call ?? (calls[0] as never), registry, {});

    expect(Buffer.from(body).toString('latin1')).toContain(expected);
    expect(call?.method.input).toBe(ReturnBooksRequestSchema);
  });
});
