// Fakes of the dependencies of the analytics use cases.
import { type Mock, vi } from 'vitest';
import type { BuildingGeneration, GenerationStore } from '#services/analytics/generation-store.ts';
import type { SalesRows } from '#services/analytics/sales.ts';
import type { SalesStore } from '#services/analytics/sales-store.ts';

/** Empty sums, with changes. */
export function rowsOf(changes: Partial<SalesRows> = {}): SalesRows {
  return {
    steps: [],
    syntheticOrders: 0n,
    revenue: [],
    refunds: [],
    minutes: [],
    minuteCount: 0n,
    products: [],
    productCount: 0n,
    failures: [],
    rebuilding: false,
    ...changes,
  };
}

type FakeSales = { rows: SalesRows; sum: Mock<SalesStore['sum']> };

/** A fake store whose sums a test can change. */
export function createFakeSales(): FakeSales {
  const fake: FakeSales = { rows: rowsOf(), sum: vi.fn<SalesStore['sum']>(async () => fake.rows) };
  return fake;
}

export type FakeGenerations = {
  building: BuildingGeneration | undefined;
  /** The number of batches left to carry over. */
  batches: number;
} & { readonly [Name in keyof GenerationStore]: Mock<GenerationStore[Name]> };

/** An in-memory generation store, of which `building` is being rebuilt. */
export function createFakeGenerations(building?: BuildingGeneration): FakeGenerations {
  const fake: FakeGenerations = {
    building,
    batches: 1,
    begin: vi.fn<GenerationStore['begin']>(),
    findBuilding: vi.fn<GenerationStore['findBuilding']>(async () => fake.building),
    carryOver: vi.fn<GenerationStore['carryOver']>(async () => {
      fake.batches -= 1;
      return fake.batches > 0;
    }),
    markRewound: vi.fn<GenerationStore['markRewound']>(async (generation, producer, lastSequence) => {
      fake.building = { generation, rewound: { ...fake.building?.rewound, [producer]: lastSequence } };
    }),
    finish: vi.fn<GenerationStore['finish']>(async () => {
      fake.building = undefined;
      return true;
    }),
    deleteRetired: vi.fn<GenerationStore['deleteRetired']>(async () => false),
  };
  return fake;
}
