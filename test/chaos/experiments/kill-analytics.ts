// SIGKILL of the analytics service under load.
import { killService } from './kill-service.ts';

export const killAnalytics = killService('analytics', {
  hypothesis: 'Orders see no effect. Every event is counted once: the invariants compare the sums with the orders.',
  blastRadius: 'Sums are late.',
  bystander: 'order',
});
