// SIGKILL of the analytics service under load.
import { killService } from './kill-service.ts';

export const killAnalytics = killService('analytics', {
  hypothesis:
    'Orders do not notice. Every event counts once: the sums are those of the orders, as the invariants compare.',
  blastRadius: 'Sums are behind for a while.',
  bystander: 'order',
});
