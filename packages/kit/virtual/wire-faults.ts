// Wire faults of single answers. The service marks an answer with a response header. The fault proxy in front of it removes the
// header and applies the fault to this one answer, so concurrent calls are not affected.

import type { DescMethod } from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import { type Chunk, createStatelessStage } from '../fault-proxy/core/chunk.ts';
import type { Fault, FaultContext } from '../fault-proxy/core/fault.ts';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { HeadDetail } from '../fault-proxy/http2/http2-call.ts';
import type { FaultHandle } from '../fault-proxy/injected-fault.ts';

const MARK_HEADER = 'touchstone-fault';
const MARK_LINE = new RegExp(`^${MARK_HEADER}: *(\\d+)\\r\\n`, 'im');
// A planned fault is never applied if its caller has left before the answer. This limit is far above the number of calls that
// can be in flight, so only such leftovers are dropped.
const MAX_PLANNED = 10_000;

type PlannedFault = {
  readonly fault: Fault;
  readonly onHit: () => void;
};

/** The wire faults planned for answers of a virtual service. */
export class WireFaults {
  readonly #proxy: FaultProxy;
  readonly #methods = new Set<DescMethod>();
  readonly #planned = new Map<string, PlannedFault>();
  // The ids of the faults that read the marks of answers.
  readonly #readers = new Set<string>();
  #marks = 0;

  constructor(proxy: FaultProxy) {
    this.#proxy = proxy;
  }

  /** Enables wire faults for an RPC. It has to be called before the affected calls begin. */
  enable(method: DescMethod): void {
    if (this.#methods.has(method)) return;
    this.#methods.add(method);
    this.#readers.add(this.#proxy.inject(this.#createMarkReader(), { rpc: nameOf(method) }).id);
  }

  /**
   * Plans a fault for an answer that has not begun.
   *
   * @param responseHeader the headers of the answer. They are sent with its first message, or at its end.
   * @param onHit called when the fault really affected the answer.
   */
  plan(fault: Fault, responseHeader: Headers, onHit: () => void): void {
    this.#marks += 1;
    const mark = String(this.#marks);
    this.#planned.set(mark, { fault, onHit });
    responseHeader.set(MARK_HEADER, mark);
    const [oldest] = this.#planned.keys();
    if (this.#planned.size > MAX_PLANNED && oldest !== undefined) this.#planned.delete(oldest);
  }

  /** Returns whether a fault of the proxy is one of those that apply the faults of stubs. */
  owns({ id }: Pick<FaultHandle, 'id'>): boolean {
    return this.#readers.has(id);
  }

  /** Forgets the enabled RPCs. The caller has removed all faults of the proxy. */
  clear(): void {
    this.#methods.clear();
    this.#readers.clear();
  }

  #createMarkReader(): Fault {
    return {
      name: 'stubbed',
      hits: 'calls',
      directions: ['down'],
      apply: (context) => {
        const stage = createStatelessStage((chunk, pass) => {
          const [mark, plain] = chunk.kind === 'head' ? takeMark(chunk) : [undefined, chunk];
          if (mark !== undefined) this.#apply(mark, context);
          pass(plain);
        });
        context.insertStage('down', stage);
      },
    };
  }

  // The fault's stages are inserted after the one that is passing the head on, so they see the answer from its first byte.
  #apply(mark: string, context: FaultContext): void {
    const planned = this.#planned.get(mark);
    if (!planned) return;
    this.#planned.delete(mark);
    planned.fault.apply({
      ...context,
      directions: planned.fault.directions,
      countHit: planned.onHit,
    });
  }
}

function takeMark(head: Chunk): [mark: string | undefined, head: Chunk] {
  // An HTTP/1.1 head is text in the payload; an HTTP/2 head has an empty payload and its fields in `detail`.
  if (head.payload.length === 0) {
    const { fields } = head.detail as HeadDetail;
    const mark = fields.find(({ name }) => name === MARK_HEADER)?.value;
    if (mark === undefined) return [undefined, head];
    const detail: HeadDetail = { fields: fields.filter(({ name }) => name !== MARK_HEADER) };
    return [mark, { ...head, detail }];
  }
  const text = head.payload.toString('latin1');
  const mark = MARK_LINE.exec(text)?.[1];
  return [mark, mark === undefined ? head : { ...head, payload: Buffer.from(text.replace(MARK_LINE, ''), 'latin1') }];
}
