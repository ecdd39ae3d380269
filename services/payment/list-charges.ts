// rpc ListCharges: a page of charges, newest first.
import type { ListChargesRequest } from '#gen/shop/payment/v1/payment_service_pb.ts';
import { createValidation, type Validation } from '../platform/base/validation.ts';
import { cutPage, isTimeAndText, parsePage, type RequestedPage } from '../platform/storage/page.ts';
import { toChargeMessage } from './charge-messages.ts';
import type { ChargeStore } from './charge-store.ts';

export type ListChargesDependencies = { readonly store: Pick<ChargeStore, 'list'> };

/**
 * Returns the page.
 * @throws {DomainError} `invalid_argument`.
 */
export async function listCharges({ store }: ListChargesDependencies, request: ListChargesRequest) {
  const { customerId, orderId } = request;
  const validation = createValidation();
  const page = readPage(request, validation);
  validation.throwIfInvalid();
  const charges = await store.list({ customerId, orderId }, page);
  const { rows, nextPageToken } = cutPage(charges, page, (charge) => [charge.createTime.toISOString(), charge.orderId]);
  return { charges: rows.map(toChargeMessage), nextPageToken };
}

/** Reads the page that is asked for, and adds a violation for a wrong token. */
export function readPage(request: ListChargesRequest, validation: Validation): RequestedPage {
  const filter = ['charges', request.customerId, request.orderId];
  return parsePage(request, { filter, keyCount: 2, areKeys: isTimeAndText }, validation);
}
