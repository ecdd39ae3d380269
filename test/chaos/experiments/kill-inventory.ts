// SIGKILL of the inventory service under load.
import { killService } from './kill-service.ts';

export const killInventory = killService('inventory', {
  hypothesis:
    'Orders in flight wait or are retried, and each reaches its end state: its stock is reserved once and confirmed once, ' +
    'whichever call the kill interrupted.',
  blastRadius: 'Orders that need stock at that moment. Quoting and reading orders still work.',
  bystander: 'order',
});
