// SIGKILL of the notification service under load.
import { killService } from './kill-service.ts';

export const killNotification = killService('notification', {
  hypothesis:
    'Orders do not notice. Every confirmed order has exactly one notification, and its mail goes out under one Message-ID, though ' +
    'perhaps more than once.',
  blastRadius: 'Mails come later.',
  bystander: 'order',
});
