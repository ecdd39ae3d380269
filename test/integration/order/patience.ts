// Settings for tests whose subject is not time: a busy machine, on which statements and calls take long, changes no answer.
import { PATIENT_DATABASE } from '../../support/patience.ts';

/** Everything may be slow: the database, a dependency, the whole call. */
export const PATIENT = {
  ...PATIENT_DATABASE,
  ORDER_BUDGET_MS: '20000',
  ORDER_INVENTORY_TIMEOUT_MS: '15000',
  ORDER_PAYMENT_TIMEOUT_MS: '15000',
};
