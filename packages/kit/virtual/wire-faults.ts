// Faults on the wire for single answers. The service marks an answer with a header; the proxy in front of it takes the
// mark off and does to this one answer what it stands for, so that callers may overlap as they like.

import type { DescMethod } from '@bufbuild/protobuf';
import { nameOf } from '../base/rpc-name.ts';
import type { Fault, Target } from '../fault-proxy/core/fault.ts';
import { createPassingStage, type Piece } from '../fault-proxy/core/stage.ts';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { HeadDetail } from '../fault-proxy/http2/http2-call.ts';

const markHeader = 'touchstone-fault';
const markLine = new RegExp(`^${markHeader}: *(\\d+)\\r\\n`, 'im');
// Answers whose caller is gone never come by; far more than can be on their way at once.
const mostPlanned = 10_000;

interface PlannedFault {
  readonly fault: Fault;
  readonly onHit: () => void;
}

/** Knows which answers are to be harmed, and how. */
export class WireFaults {
  readonly #proxy: FaultProxy;
  readonly #watched = new Set<DescMethod>();
  readonly #planned = new Map<string, PlannedFault>();
  #marks = 0;

  constructor(proxy: FaultProxy) {
    this.#proxy = proxy;
  }

  /** Looks at the answers of an RPC from now on: to be called before those that are to be harmed begin. */
  watch(method: DescMethod): void {
    if (this.#watched.has(method)) return;
    this.#watched.add(method);
    this.#proxy.inject(this.#createWatcher(), { rpc: nameOf(method) });
  }

  /**
   * Has a fault done to an answer that has not begun.
   *
   * @param responseHeader its headers, which are sent with its first message or at its end.
   * @param onHit called when something was really done.
   */
  plan(fault: Fault, responseHeader: Headers, onHit: () => void): void {
    this.#marks += 1;
    const mark = String(this.#marks);
    this.#planned.set(mark, { fault, onHit });
    responseHeader.set(markHeader, mark);
    const [oldest] = this.#planned.keys();
    if (this.#planned.size > mostPlanned && oldest !== undefined) this.#planned.delete(oldest);
  }

  /** Forgets the RPCs that are watched: their faults were removed. */
  clear(): void {
    this.#watched.clear();
  }

  #createWatcher(): Fault {
    return {
      name: 'stubbed',
      hits: 'calls',
      directions: ['down'],
      begin: (target) => {
        const stage = createPassingStage((piece, pass) => {
          const [mark, plain] = piece.kind === 'head' ? takeMark(piece) : [undefined, piece];
          if (mark !== undefined) this.#begin(mark, target);
          pass(plain);
        });
        target.insert('down', stage);
      },
    };
  }

  // Its stages come after the one that is passing the head on, and so see the answer from its first byte.
  #begin(mark: string, target: Target): void {
    const planned = this.#planned.get(mark);
    if (!planned) return;
    this.#planned.delete(mark);
    planned.fault.begin({
      ...target,
      directions: planned.fault.directions,
      hit: () => {
        target.hit();
        planned.onHit();
      },
    });
  }
}

function takeMark(head: Piece): [mark: string | undefined, head: Piece] {
  // Only over HTTP/1.1 is a head text.
  if (head.payload.length === 0) {
    const { fields } = head.detail as HeadDetail;
    const mark = fields.find(({ name }) => name === markHeader)?.value;
    if (mark === undefined) return [undefined, head];
    const detail: HeadDetail = { fields: fields.filter(({ name }) => name !== markHeader) };
    return [mark, { ...head, detail }];
  }
  const text = head.payload.toString('latin1');
  const mark = markLine.exec(text)?.[1];
  return [mark, mark === undefined ? head : { ...head, payload: Buffer.from(text.replace(markLine, ''), 'latin1') }];
}
