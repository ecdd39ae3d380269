// SIGKILL of the payment service under load.
import { killService } from './kill-service.ts';

export const killPayment = killService('payment', {
  hypothesis:
    'A charge that the kill interrupted, perhaps after the provider took the money, is settled by asking the provider again, never ' +
    'guessed: every confirmed order is charged exactly once, every failed one not at all.',
  blastRadius: 'Orders that are being paid at that moment: they wait.',
  bystander: 'order',
});
