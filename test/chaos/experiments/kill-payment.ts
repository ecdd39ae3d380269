// SIGKILL of the payment service under load.
import { killService } from './kill-service.ts';

export const killPayment = killService('payment', {
  hypothesis:
    'A charge that the kill interrupted, perhaps after the provider captured the money, is settled by asking the provider, never ' +
    'by a guess: every confirmed order is charged exactly once, every failed one not at all.',
  blastRadius: 'Orders being charged at that moment: they wait.',
  bystander: 'order',
});
