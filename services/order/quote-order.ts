// rpc QuoteOrder: returns what a basket costs now and whether it is in stock. Stores nothing.
import type { Client } from '@connectrpc/connect';
import type { InventoryService } from '#gen/shop/inventory/v1/inventory_service_pb.ts';
import { QuoteLine_Availability, type QuoteOrderRequest } from '#gen/shop/order/v1/order_service_pb.ts';
import { createValidation } from '../platform/base/validation.ts';
import { DependencyError } from '../platform/client/dependency-error.ts';
import type { Call } from '../platform/server/call.ts';
import { type PricingVersionFor, priceBasket, validateItems } from './basket.ts';
import { requireOwnCustomerId } from './order.ts';
import type { PriceStore } from './price-store.ts';

const CONCURRENT_CHECKS = 10;

export type QuoteOrderDependencies = {
  readonly inventory: Pick<Client<typeof InventoryService>, 'checkAvailability'>;
  readonly prices: PriceStore;
  readonly pricingVersionFor: PricingVersionFor;
};

/**
 * Prices a basket and checks the stock of each product. The availability is unspecified where inventory does not answer.
 * @throws {DomainError} INVALID_REQUEST, or CATALOGUE_NOT_LOADED.
 */
export async function quoteOrder(
  dependencies: QuoteOrderDependencies,
  request: QuoteOrderRequest,
  { deadline, caller }: Pick<Call, 'deadline' | 'caller'>,
) {
  const validation = createValidation();
  validateItems(request.items, validation);
  validation.throwIfInvalid();
  requireOwnCustomerId(caller, request.customerId);
  const pricingVersion = await dependencies.pricingVersionFor(request.customerId);
  const { items, total, amounts } = await priceBasket(dependencies.prices, request.items, pricingVersion);

  const check = async (productId: string, quantity: number): Promise<QuoteLine_Availability> => {
    try {
      const stock = await dependencies.inventory.checkAvailability(
        { productId },
        { timeoutMs: deadline.remainingMs() },
      );
      return stock.quantity >= quantity ? QuoteLine_Availability.IN_STOCK : QuoteLine_Availability.SHORT;
    } catch (error) {
      if (!(error instanceof DependencyError)) throw error;
      return QuoteLine_Availability.UNSPECIFIED; // The quote is useful without it.
    }
  };
  const availabilities: QuoteLine_Availability[] = [];
  for (let start = 0; start < items.length; start += CONCURRENT_CHECKS) {
    const batch = items.slice(start, start + CONCURRENT_CHECKS);
    availabilities.push(...(await Promise.all(batch.map((item) => check(item.productId, item.quantity)))));
  }
  const lines = items.map((item, index) => ({
    ...item,
    ...(amounts[index] === undefined ? {} : { amount: amounts[index] }),
    availability: availabilities[index] ?? QuoteLine_Availability.UNSPECIFIED,
  }));
  return { total, pricingVersion, lines };
}
