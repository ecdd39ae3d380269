// SIGKILL of the notification service under load.
import { killService } from './kill-service.ts';

export const killNotification = killService('notification', {
  hypothesis:
    'Orders see no effect. Every confirmed order has exactly one notification, and its mail is sent with one Message-ID, though ' +
    'perhaps more than once.',
  blastRadius: 'Mails are late.',
  bystander: 'order',
});
