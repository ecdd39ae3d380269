// A file of events is read as it was written, and a damaged file is reported by event and field.
import { expect, it } from 'vitest';
import { parseRecordedEvents, renderRecordedEvents } from '../../../../packages/kit/events/recorded-events.ts';

it('events are read as they were written, byte by byte', () => {
  const events = [{ subject: 'a.v1.B', headers: { 'ce-id': '1' }, payload: Uint8Array.of(0, 255, 10) }];

  expect(parseRecordedEvents(renderRecordedEvents(events), 'events.json')).toEqual(events);
});

it.each([
  { fault: 'events.json: holds no events', text: '{"events":[]}' },
  { fault: 'events.json: holds no events', text: '{}' },
  { fault: 'events.json: events[0].subject is no text', text: '{"events":[{"payload":""}]}' },
  { fault: 'events.json: events[0].payload is no base64', text: '{"events":[{"subject":"a","payload":"%%%%"}]}' },
  { fault: 'events.json: events[0].payload is no base64', text: '{"events":[{"subject":"a","payload":"AAA"}]}' },
])('a damaged file is refused: $text', ({ fault, text }) => {
  expect(() => parseRecordedEvents(text, 'events.json')).toThrow(fault);
});
