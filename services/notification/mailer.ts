// Sends the mails of pending notifications, at least once each: a mail is marked as sent after the mail server accepted it, so
// a crash in between sends it again, with the same Message-ID.
import { backoffMs } from '../platform/base/backoff.ts';
import { describeError } from '../platform/base/errors.ts';
import type { CallPolicy } from '../platform/client/call-policy.ts';
import { DependencyError } from '../platform/client/dependency-error.ts';
import { type Logger, scrubSecrets } from '../platform/observability/log.ts';
import { runInSpan, runWithCorrelation, SpanKind } from '../platform/observability/tracing.ts';
import { mailAddressOf } from './mail-address.ts';
import { composeMail, isRefusal, messageIdOf } from './notification.ts';
import { toSentEvent } from './notification-messages.ts';
import type { DueNotification, NotificationStore } from './notification-store.ts';

const BATCH_SIZE = 20;
const SEND_LIMIT_MS = 8_000;
const STOP_GRACE_MS = 2_000;
// Longer than a try, so that no other replica begins one meanwhile.
const LEASE_MS = 15_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
const MAX_REFUSED_DELAY_MS = 600_000;
const FROM = 'orders@shop.example';

/** A mail as it goes to the mail server. `signal` gives the try up. */
export type Mail = {
  readonly from: string;
  readonly to: string;
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  readonly signal: AbortSignal;
};

export type MailerDependencies = {
  readonly store: Pick<NotificationStore, 'claimDue' | 'markSent' | 'putOff'>;
  /** Resolves when the mail server accepted the mail. */
  readonly send: (mail: Mail) => Promise<unknown>;
  readonly mailServer: CallPolicy;
  readonly wakeRelay: () => void;
  readonly now: () => Date;
  readonly log: Logger;
};

/** Sends one batch. Returns whether more is waiting; what could not be sent is tried later. */
export async function sendDueMails(dependencies: MailerDependencies, signal: AbortSignal): Promise<boolean> {
  const { store, mailServer } = dependencies;
  // While the mail server is away one mail at a time asks for it.
  const size = mailServer.breaker().state === 'closed' ? BATCH_SIZE : 1;
  const due = await store.claimDue(size, LEASE_MS);
  if (due.length === 0) return false;
  const limit = startLimit(signal);
  const sending = await Promise.allSettled(due.map((each) => sendTraced(dependencies, each, limit.signal)));
  limit.clear();
  // Only the database can fail here. What was sent and not marked is sent again after its lease.
  const failed = sending.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return due.length === size && mailServer.breaker().state === 'closed';
}

// A batch under way when the service stops gets a moment more: a mail given up may have been accepted.
function startLimit(stopping: AbortSignal) {
  const controller = new AbortController();
  const giveUp = (): void => controller.abort(new Error('the mail server took too long'));
  const timers = [setTimeout(giveUp, SEND_LIMIT_MS)];
  const hurry = (): void => {
    timers.push(setTimeout(giveUp, STOP_GRACE_MS));
  };
  if (stopping.aborted) hurry();
  else stopping.addEventListener('abort', hurry, { once: true });
  const clear = (): void => {
    stopping.removeEventListener('abort', hurry);
    for (const timer of timers) clearTimeout(timer);
  };
  return { signal: controller.signal, clear };
}

// The event it was made for is long acknowledged: its trace goes on from what was stored of it.
function sendTraced(dependencies: MailerDependencies, due: DueNotification, signal: AbortSignal): Promise<void> {
  const span = { name: 'send mail', kind: SpanKind.CLIENT, headers: { traceparent: due.traceparent } };
  const send = () => sendMail(dependencies, due, signal);
  return runInSpan(span, () => runWithCorrelation(due.notification.orderId, send));
}

async function sendMail(dependencies: MailerDependencies, due: DueNotification, signal: AbortSignal): Promise<void> {
  const { notification } = due;
  const mail: Mail = {
    from: FROM,
    to: mailAddressOf(notification.customerId),
    messageId: messageIdOf(notification.notificationId),
    ...composeMail(notification),
    signal,
  };
  try {
    await dependencies.mailServer.call({
      operation: 'send_mail',
      timeoutMs: undefined,
      signal,
      idempotent: false,
      counted: true,
      send: () => dependencies.send(mail),
    });
  } catch (error) {
    return await putOff(dependencies, due, error);
  }
  const sendTime = dependencies.now();
  const isFirst = await dependencies.store.markSent(notification.notificationId, sendTime, [
    toSentEvent(notification, sendTime),
  ]);
  if (!isFirst) return;
  dependencies.wakeRelay();
  dependencies.log.info({ notification_id: notification.notificationId }, 'mail sent');
}

async function putOff({ store, log }: MailerDependencies, { notification, attempt }: DueNotification, error: unknown) {
  const { notificationId } = notification;
  const cause = error instanceof DependencyError ? (error.cause ?? error) : error;
  const reason = scrubSecrets(describeError(cause));
  if (wasNotMade(error)) return await store.putOff(notificationId, FIRST_DELAY_MS, reason, false);
  const refused = isRefusal(replyCodeOf(cause));
  const delayMs = backoffMs(attempt, FIRST_DELAY_MS, refused ? MAX_REFUSED_DELAY_MS : MAX_DELAY_MS);
  log.warn({ reason, attempt, notification_id: notificationId }, 'a mail could not be sent, trying again');
  await store.putOff(notificationId, delayMs, reason, true);
}

// Refused by the breaker, or given up before its turn came.
function wasNotMade(error: unknown): boolean {
  return error instanceof DependencyError && ['circuit_open', 'overloaded', 'cancelled'].includes(error.failure);
}

/**
 * Sorts why a mail was not accepted: a server that answers is well, whatever it says; one whose mail was given up because its time
 * was over is not.
 */
export function toMailFailure(dependency: string, thrown: unknown): DependencyError {
  const code = replyCodeOf(thrown);
  if (code !== undefined)
    return new DependencyError({ dependency, failure: 'refused', description: `refused with ${code}`, cause: thrown });
  return new DependencyError({ dependency, failure: 'unreachable', cause: thrown });
}

function replyCodeOf(error: unknown): number | undefined {
  const code = (error as { responseCode?: unknown }).responseCode;
  return typeof code === 'number' ? code : undefined;
}
