// SIGKILL of the order service under load.
import { killService } from './kill-service.ts';

export const killOrder = killService('order', {
  hypothesis:
    'Customers whose call is interrupted retry it with the same key and get one order. The next process run resumes the orders in ' +
    'flight: nothing is lost, sold twice or charged twice.',
  blastRadius: 'Every call to the order service until it is restarted. Stock and payments keep their state.',
  bystander: 'inventory',
});
