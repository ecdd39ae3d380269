// Analytics as a consumer of events: its real handlers and database, and what is counted after them.
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { type Sales, type SalesStep, summarizeSales } from '#services/analytics/sales.ts';
import { createSalesStore } from '#services/analytics/sales-store.ts';
import { type EventFixture, openEventFixture } from '../../support/contracts/contracts.ts';

export interface SalesDesk extends EventFixture {
  /** Begins anew with nothing counted. */
  begin(): Promise<void>;
  /** What is counted of all time. */
  sales(): Promise<Sales>;
  /** How many orders took each step, those steps that none took left out. */
  steps(): Promise<Partial<Record<SalesStep, number>>>;
}

export async function openSalesDesk(): Promise<SalesDesk> {
  const desk = await openEventFixture('analytics', () => createAnalyticsSubscriptions(() => undefined));
  const store = createSalesStore(desk.database);
  const sales = async () => summarizeSales(await store.sum({ start: undefined, end: undefined }));
  return {
    ...desk,
    begin: async () => {
      await desk.empty();
      await desk.sql("insert into generation (generation, state) values (1, 'SERVING')");
    },
    sales,
    steps: async () => {
      const taken = (await sales()).steps.filter(({ orders }) => orders > 0n);
      return Object.fromEntries(taken.map(({ step, orders }) => [step, Number(orders)]));
    },
  };
}
