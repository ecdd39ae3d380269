// The journey of an order as rows of one time axis: the steps of its saga, and, where traces are known, the calls with their attempts, the
// events and the mail.
import { type Span, SpanKind } from '#gen/local/control/v1/control_pb.ts';
import { type Entry, stepRows, type Tone } from './order-steps.ts';
import { millisecondsOf } from './times.ts';

export const ROW_KINDS = ['step', 'call', 'event', 'mail'] as const;
export type RowKind = (typeof ROW_KINDS)[number];

export type Row = {
  readonly key: string;
  readonly kind: RowKind;
  readonly label: string;
  /** Who does it, such as `order → payment`; empty for a step. */
  readonly where: string;
  /** What became of it, in a word or two; empty where that is what one expects. */
  readonly outcome: string;
  readonly tone: Tone;
  /** Milliseconds since 1970. */
  readonly begin: number;
  readonly milliseconds: number;
  /** The part of a call in which the other process worked on it. */
  readonly served?: { readonly begin: number; readonly milliseconds: number };
};

export type Waterfall = {
  readonly rows: readonly Row[];
  /** Milliseconds since 1970. */
  readonly begin: number;
  /** At least one millisecond. */
  readonly milliseconds: number;
};

/** The part of local.control.v1.Span that is read. */
export type TracePart = Pick<
  Span,
  'process' | 'spanId' | 'parentId' | 'name' | 'kind' | 'startTime' | 'duration' | 'outcome' | 'failed'
>;

/** The waterfall of an order by its timeline and by the spans of its traces, which may be none. */
export function waterfallOf(timeline: readonly Entry[], spans: readonly TracePart[]): Waterfall {
  const parts = spans.map(readPart);
  const rows = [...stepsOf(timeline), ...callsOf(parts), ...eventsOf(parts), ...mailsOf(parts)];
  // What begins together is shown in the order of kinds: a step before its calls.
  const sorted = rows.toSorted(
    (one, other) => one.begin - other.begin || ROW_KINDS.indexOf(one.kind) - ROW_KINDS.indexOf(other.kind),
  );
  const begin = sorted[0]?.begin ?? 0;
  const end = sorted.reduce((latest, row) => Math.max(latest, row.begin + row.milliseconds), begin);
  return { rows: sorted, begin, milliseconds: Math.max(1, end - begin) };
}

/** Where a row, or a part of one, stands on the axis, in shares of the whole; wide enough to be seen, and inside the axis. */
export function placeOf(
  { begin, milliseconds }: Pick<Row, 'begin' | 'milliseconds'>,
  whole: Pick<Waterfall, 'begin' | 'milliseconds'>,
  least: number,
): { readonly start: number; readonly share: number } {
  const share = Math.min(1, Math.max(least, milliseconds / whole.milliseconds));
  const start = Math.max(0, Math.min(1 - share, (begin - whole.begin) / whole.milliseconds));
  return { start, share };
}

type Part = TracePart & { readonly begin: number; readonly milliseconds: number };

function readPart(span: TracePart): Part {
  return { ...span, begin: millisecondsOf(span.startTime) ?? 0, milliseconds: millisecondsOf(span.duration) ?? 0 };
}

const STEP_TONES = { done: 'good', refused: 'bad', retrying: 'wait' } as const;
const STEP_WORDS = { done: '', refused: 'refused', retrying: 'tried again' } as const;

function stepsOf(timeline: readonly Entry[]): Row[] {
  const ends = timeline.map(({ time }) => millisecondsOf(time) ?? 0);
  return stepRows(timeline).map(({ label, outcome, detail, milliseconds }, at) => ({
    key: `step ${at}`,
    kind: 'step',
    label,
    where: '',
    outcome: [STEP_WORDS[outcome], detail].filter(Boolean).join(': '),
    tone: STEP_TONES[outcome],
    begin: (ends[at] ?? 0) - milliseconds,
    milliseconds,
  }));
}

const MAIL = 'send mail';

/** A call as its caller made it, or, where the caller is not one of the traced, as it was served. */
function callsOf(parts: readonly Part[]): Row[] {
  const attempts = new Map<string, number>();
  const spans = new Map(parts.map((part) => [part.spanId, part]));
  return parts
    .filter(({ kind, name }) => isCall(kind) && name !== MAIL)
    .toSorted((one, other) => one.begin - other.begin)
    .flatMap((part): Row[] => {
      const [service = '', method = ''] = part.name.split('/');
      // A call over HTTP that is no RPC has the name of its method.
      const isRpc = method !== '';
      const parent = spans.get(part.parentId);
      if (part.kind === SpanKind.SERVER) {
        const isShown = parent?.kind === SpanKind.CLIENT || forwards(part, parts);
        return isShown ? [] : [rowOf(part, 'call', method, `→ ${part.process}`, failureOf(part))];
      }
      const server = parts.find(({ kind, parentId }) => kind === SpanKind.SERVER && parentId === part.spanId);
      const call = `${part.process} ${part.name}`;
      const attempt = (attempts.get(call) ?? 0) + 1;
      attempts.set(call, attempt);
      const where = isRpc ? `${part.process} → ${server?.process ?? areaOf(service)}` : `${part.process} calls`;
      const name = isRpc ? method : `HTTP ${part.name}`;
      const label = attempt === 1 ? name : `${name}, attempt ${attempt}`;
      const row = rowOf(part, 'call', label, where, failureOf(part));
      return [server === undefined ? row : { ...row, served: server }];
    });
}

function isCall(kind: SpanKind): boolean {
  return kind === SpanKind.CLIENT || kind === SpanKind.SERVER;
}

/** Whether a call served is nothing but the same call to the next process. */
function forwards({ spanId, name }: Part, parts: readonly Part[]): boolean {
  return parts.some((part) => part.kind === SpanKind.CLIENT && part.parentId === spanId && part.name === name);
}

function eventsOf(parts: readonly Part[]): Row[] {
  return parts.flatMap((part): Row[] => {
    const event = part.name.split('.').at(-1) ?? part.name;
    if (part.kind === SpanKind.PRODUCER)
      return [rowOf(part, 'event', event, `${part.process} publishes`, failureOf(part))];
    // Every service gets every event of the streams it reads.
    if (part.kind !== SpanKind.CONSUMER || part.outcome === 'ignored') return [];
    const outcome = part.outcome === 'applied' ? '' : part.outcome;
    return [rowOf(part, 'event', event, `${part.process} applies`, outcome)];
  });
}

function mailsOf(parts: readonly Part[]): Row[] {
  return parts
    .filter(({ name }) => name === MAIL)
    .map((part) => rowOf(part, 'mail', 'Mail', `${part.process} sends`, failureOf(part)));
}

function failureOf({ failed, outcome }: Part): string {
  return failed ? (outcome || 'failed').replaceAll('_', ' ') : '';
}

function rowOf(part: Part, kind: RowKind, label: string, where: string, outcome: string): Row {
  const { spanId, begin, milliseconds, failed } = part;
  return { ...{ key: spanId, kind, label, where, outcome, begin, milliseconds }, tone: failed ? 'bad' : 'good' };
}

/** `shop.inventory.v1.InventoryService` is of `inventory`. */
function areaOf(service: string): string {
  return service.split('.').at(-3) ?? service;
}

/** The rows of these kinds, at most `most`: the first and the last ones, and how many are left out between them. */
export function rowsToShow(
  rows: readonly Row[],
  kinds: ReadonlySet<RowKind>,
  most: number,
): { readonly first: readonly Row[]; readonly leftOut: number; readonly last: readonly Row[] } {
  const wanted = rows.filter(({ kind }) => kinds.has(kind));
  if (wanted.length <= most) return { first: wanted, leftOut: 0, last: [] };
  const half = Math.floor(most / 2);
  return { first: wanted.slice(0, half), leftOut: wanted.length - 2 * half, last: wanted.slice(-half) };
}
