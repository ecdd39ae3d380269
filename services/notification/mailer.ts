// The mailer: sends the mails of pending notifications, each at least once. A mail is marked as sent after the mail server accepted it,
// so a crash in between sends it again, with the same Message-ID. An outage of the database in between does not, in the same replica.
import { backoffMs } from '../platform/base/backoff.ts';
import type { CallPolicy } from '../platform/client/call-policy.ts';
import { DependencyError } from '../platform/client/dependency-error.ts';
import { type Logger, summarizeError } from '../platform/observability/log.ts';
import { runInSpan, runWithCorrelation, SpanKind } from '../platform/observability/tracing.ts';
import { mailAddressOf } from './mail-address.ts';
import { composeMail, isRefusal, messageIdOf, type Notification } from './notification.ts';
import { toSentEvent } from './notification-messages.ts';
import type { DueNotification, NotificationStore } from './notification-store.ts';

const BATCH_SIZE = 20;
const SEND_LIMIT_MS = 8_000;
const STOP_GRACE_MS = 2_000;
// Longer than an attempt, so that no other replica starts one at the same time.
const LEASE_MS = 15_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
const MAX_REFUSED_DELAY_MS = 600_000;
const MAX_ACCEPTED = 1_000;
const FROM = 'orders@shop.example';

/** A mail for the mail server; `signal` aborts the attempt. */
export type Mail = {
  readonly from: string;
  readonly to: string;
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  readonly signal: AbortSignal;
};

export type MailerDependencies = {
  readonly store: Pick<NotificationStore, 'claimDue' | 'markSent' | 'postpone'>;
  /** Resolves when the mail server accepted the mail. */
  readonly send: (mail: Mail) => Promise<unknown>;
  readonly mailServer: CallPolicy;
  /**
   * The mails that the server accepted and that could not be marked as sent, by the notification's id, with the time of the acceptance:
   * they are only marked when they are due again.
   */
  readonly accepted: Map<string, Date>;
  readonly wakeRelay: () => void;
  readonly now: () => Date;
  readonly log: Logger;
};

/** Sends one batch and returns whether more is due. A mail that was not sent is due again later. */
export async function sendDueMails(dependencies: MailerDependencies, signal: AbortSignal): Promise<boolean> {
  const { store, mailServer } = dependencies;
  // While the breaker is not closed, send one mail at a time as its probe.
  const size = mailServer.breaker().state === 'closed' ? BATCH_SIZE : 1;
  const due = await store.claimDue(size, LEASE_MS);
  if (due.length === 0) return false;
  const limit = startLimit(signal);
  const sending = await Promise.allSettled(due.map((each) => sendTraced(dependencies, each, limit.signal)));
  limit.clear();
  // Only the database can fail here. A mail that was sent but not marked is sent again after its lease.
  const failed = sending.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return due.length === size && mailServer.breaker().state === 'closed';
}

// A batch in flight when the service stops gets a grace period: an aborted mail may have been accepted, and would be sent twice.
function startLimit(stopping: AbortSignal) {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error('the mail server took too long'));
  const timers = [setTimeout(abort, SEND_LIMIT_MS)];
  const shorten = (): void => {
    timers.push(setTimeout(abort, STOP_GRACE_MS));
  };
  if (stopping.aborted) shorten();
  else stopping.addEventListener('abort', shorten, { once: true });
  const clear = (): void => {
    stopping.removeEventListener('abort', shorten);
    for (const timer of timers) clearTimeout(timer);
  };
  return { signal: controller.signal, clear };
}

// Continues the stored trace of the event that caused the notification.
function sendTraced(dependencies: MailerDependencies, due: DueNotification, signal: AbortSignal): Promise<void> {
  const span = { name: 'send mail', kind: SpanKind.CLIENT, headers: { traceparent: due.traceparent } };
  const send = () => sendMail(dependencies, due, signal);
  return runInSpan(span, () => runWithCorrelation(due.notification.orderId, send));
}

async function sendMail(dependencies: MailerDependencies, due: DueNotification, signal: AbortSignal): Promise<void> {
  const { notification } = due;
  const { notificationId } = notification;
  const { accepted, now } = dependencies;
  if (!accepted.has(notificationId)) {
    const failure = await findSendFailure(dependencies, notification, signal);
    if (failure !== undefined) return await postpone(dependencies, due, failure.error);
    remember(accepted, notificationId, now());
  }
  await markSent(dependencies, notification, accepted.get(notificationId) ?? now());
  accepted.delete(notificationId);
}

// One that is marked by another replica is never due here again, so the oldest are forgotten.
function remember(accepted: Map<string, Date>, notificationId: string, time: Date): void {
  const [oldest] = accepted.keys();
  if (accepted.size >= MAX_ACCEPTED && oldest !== undefined) accepted.delete(oldest);
  accepted.set(notificationId, time);
}

async function findSendFailure(
  dependencies: MailerDependencies,
  notification: Notification,
  signal: AbortSignal,
): Promise<{ readonly error: unknown } | undefined> {
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
    return undefined;
  } catch (error) {
    return { error };
  }
}

async function markSent(
  { store, wakeRelay, log }: MailerDependencies,
  notification: Notification,
  sendTime: Date,
): Promise<void> {
  const { notificationId } = notification;
  const isFirst = await store.markSent(notificationId, sendTime, [toSentEvent(notification, sendTime)]);
  if (!isFirst) return;
  wakeRelay();
  log.info({ notification_id: notificationId }, 'mail sent');
}

async function postpone(
  { store, log }: MailerDependencies,
  { notification, attempt }: DueNotification,
  error: unknown,
) {
  const { notificationId } = notification;
  const cause = error instanceof DependencyError ? (error.cause ?? error) : error;
  const reason = summarizeError(cause);
  if (wasNotMade(error)) return await store.postpone(notificationId, FIRST_DELAY_MS, reason, false);
  const refused = isRefusal(replyCodeOf(cause));
  const delayMs = backoffMs(attempt, FIRST_DELAY_MS, refused ? MAX_REFUSED_DELAY_MS : MAX_DELAY_MS);
  log.warn({ reason, attempt, notification_id: notificationId }, 'mail not sent, retrying');
  await store.postpone(notificationId, delayMs, reason, true);
}

// Rejected by the breaker or the bulkhead, or aborted before the call: no attempt was made.
function wasNotMade(error: unknown): boolean {
  return error instanceof DependencyError && ['circuit_open', 'overloaded', 'cancelled'].includes(error.failure);
}

/**
 * Maps why a mail was not accepted to a dependency failure: any SMTP reply shows a healthy server, a timeout or lost connection does
 * not.
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
