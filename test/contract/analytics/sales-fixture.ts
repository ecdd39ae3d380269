// Analytics as a consumer of events: its real handlers and database, and the resulting sums.
import { createAnalyticsSubscriptions } from '#services/analytics/routes.ts';
import { type Sales, type SalesStep, summarizeSales } from '#services/analytics/sales.ts';
import { createSalesStore } from '#services/analytics/sales-store.ts';
import { type EventFixture, openEventFixture } from '../../support/contracts/contracts.ts';

export type SalesFixture = EventFixture & {
  /** Empties the database. */
  begin(): Promise<void>;
  /** Returns the sums of all time. */
  sales(): Promise<Sales>;
  /** Returns the orders per step, steps without orders left out. */
  steps(): Promise<Partial<Record<SalesStep, number>>>;
};

export async function openSalesFixture(): Promise<SalesFixture> {
  const fixture = await openEventFixture('analytics', () => createAnalyticsSubscriptions(() => undefined));
  const store = createSalesStore(fixture.database);
  const sales = async () => summarizeSales(await store.sum({ start: undefined, end: undefined }));
  return {
    ...fixture,
    begin: async () => {
      await fixture.empty();
      await fixture.sql("insert into generation (generation, state) values (1, 'SERVING')");
    },
    sales,
    steps: async () => {
      const taken = (await sales()).steps.filter(({ orders }) => orders > 0n);
      return Object.fromEntries(taken.map(({ step, orders }) => [step, Number(orders)]));
    },
  };
}
