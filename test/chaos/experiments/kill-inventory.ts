// SIGKILL of the inventory service under load.
import { killService } from './kill-service.ts';

export const killInventory = killService('inventory', {
  hypothesis:
    'Orders that are under way wait or are tried again, and every one comes to its end: its stock is reserved once and sold once, ' +
    'whatever call the kill interrupted.',
  blastRadius: 'Orders that need stock at that moment. Prices and reading of orders go on.',
  bystander: 'order',
});
