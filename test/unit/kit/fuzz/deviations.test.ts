// Boundary values: which there are for a message type, and what they change.
import { create, toBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { InventoryService, ReserveStockRequestSchema } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { LibraryService } from '../../../../packages/kit/examples/library/gen/library/v1/library_pb.ts';
import {
  type GetForecastRequest,
  GetForecastRequestSchema,
} from '../../../../packages/kit/examples/weather/gen/weather/v1/weather_pb.ts';
import { listDeviations } from '../../../../packages/kit/fuzz/calls/deviations.ts';
import { complete } from '../../../../packages/kit/fuzz/calls/messages.ts';
import { ValuesSchema } from '../matching/every-type.ts';
import { OddSchema, StrictSchema } from '../matching/odd-fields.ts';

const forecast = create(GetForecastRequestSchema, { town: 'Oslo', daysAhead: 1 });

/** Returns the message after the deviations of this name: a name may stand for several values. */
function deviate(name: string): GetForecastRequest[] {
  const chosen = listDeviations(GetForecastRequestSchema).filter((deviation) => deviation.name === name);
  return chosen.map((deviation) => deviation.apply(forecast) as GetForecastRequest);
}

describe('a boundary value', () => {
  it.each([
    ['town: empty string', { town: '' }],
    ['town: blank string', { town: ' ' }],
    ['town: string with an emoji', { town: '\u{1f600}' }],
    ['days_ahead: zero', { daysAhead: 0 }],
    ['days_ahead: negative number', { daysAhead: -1 }],
    ['days_ahead: large number', { daysAhead: 2 ** 31 - 1 }],
  ])('of %s changes only its field, in a copy', (name, changed) => {
    expect(deviate(name)[0]).toMatchObject({ town: 'Oslo', daysAhead: 1, ...changed });
    expect(forecast).toMatchObject({ town: 'Oslo', daysAhead: 1 });
  });

  it('of a negative number is -1, and the smallest one', () => {
    expect(deviate('days_ahead: negative number').map(({ daysAhead }) => daysAhead)).toEqual([-1, -(2 ** 31)]);
  });

  it('is set in messages within the message, which are created for it', () => {
    const [first] = listDeviations(InventoryService.method.reserveStock.input).filter(({ name }) =>
      name.startsWith('lines: long list'),
    );

    const changed = first?.apply(create(ReserveStockRequestSchema)) as unknown as { lines: unknown[] };

    expect(changed.lines).toHaveLength(1000);
  });

  it.each(
    [...LibraryService.methods.map(({ input }) => input), ValuesSchema, OddSchema, StrictSchema].map(
      (desc) => [desc.typeName, desc] as const,
    ),
  )('of %s gives a message that can be encoded in both codecs', (_, desc) => {
    const deviations = listDeviations(desc);

    expect(deviations.length).toBeGreaterThan(0);
    for (const { name, apply } of deviations) {
      const changed = apply(complete(desc));
      expect(() => [toBinary(desc, changed), toJson(desc, changed)], name).not.toThrow();
    }
  });
});
