// SIGKILL of the order service under load.
import { killService } from './kill-service.ts';

export const killOrder = killService('order', {
  hypothesis:
    'Customers whose call breaks off repeat it with the same key and get their one order. What the dead process was in the middle of ' +
    'is taken up by the next: nothing is lost, sold twice or charged twice.',
  blastRadius:
    'Every call to the order service, for as long as it takes to start. Stock and payments keep their state.',
  bystander: 'inventory',
});
