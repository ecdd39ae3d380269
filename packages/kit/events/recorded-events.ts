// Events as they once were, kept in a file: what was published then must be handled today, for it may still be in a stream.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf } from '../base/error-reason.ts';
import { ContractError } from '../contract-file/contract-error.ts';
import type { CapturedEvent } from './captured-event.ts';

/** What a file of events has for each: the body in base64. */
type EventJson = {
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string;
};

/** Writes events into a file, in place of what was there. Makes its folder where there is none. */
export async function writeRecordedEvents(file: string, events: readonly CapturedEvent[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, renderRecordedEvents(events));
}

/** Returns events as the text of a file. */
export function renderRecordedEvents(events: readonly CapturedEvent[]): string {
  const json = events.map(
    ({ subject, headers, payload }): EventJson => ({
      subject,
      headers,
      payload: Buffer.from(payload).toString('base64'),
    }),
  );
  return `${JSON.stringify({ events: json }, undefined, 2)}\n`;
}

/**
 * Returns the events of a file's text.
 *
 * @param source the file's name, for errors.
 * @throws {ContractError} naming the event and the field that is not as it should be; also when there is no event.
 */
export function parseRecordedEvents(text: string, source: string): CapturedEvent[] {
  const events = (JSON.parse(text) as { events?: unknown }).events;
  if (!Array.isArray(events) || events.length === 0) throw new ContractError(`${source}: holds no events`);
  return events.map((event: Partial<EventJson>, index) => {
    const at = `${source}: events[${index}]`;
    const { subject, headers = {}, payload } = event;
    if (typeof subject !== 'string') throw new ContractError(`${at}.subject is no text`);
    if (typeof payload !== 'string' || !isBase64(payload)) throw new ContractError(`${at}.payload is no base64`);
    return { subject, headers, payload: Uint8Array.from(Buffer.from(payload, 'base64')) };
  });
}

// Buffer passes over what is no base64, and would read a damaged file as other bytes.
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/**
 * Calls a handler with every event of a file, in the order they are in.
 *
 * @throws {ContractError} naming each event that the handler failed with, and why.
 */
export async function replayRecordedEvents(file: string, handle: (event: CapturedEvent) => unknown): Promise<void> {
  const events = parseRecordedEvents(await readFile(file, 'utf8'), file);
  const failures: string[] = [];
  const causes: unknown[] = [];
  for (const [index, event] of events.entries()) {
    try {
      await handle(event);
    } catch (error) {
      failures.push(`\n  event ${index + 1}, ${event.subject}: ${reasonOf(error)}`);
      causes.push(error);
    }
  }
  if (failures.length === 0) return;
  throw new ContractError(`${file}: today's handler fails with${failures.join('')}`, {
    cause: new AggregateError(causes, 'what the handler threw, in the order of the events'),
  });
}
