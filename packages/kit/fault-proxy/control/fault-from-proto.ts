// The conversion of the control port's messages to faults and their options.

import { Code, ConnectError } from '@connectrpc/connect';
import type { Fault } from '../core/fault.ts';
import { answerInTls } from '../faults/answer-in-tls.ts';
import { bandwidth } from '../faults/bandwidth.ts';
import { blackHole } from '../faults/black-hole.ts';
import { failAlways } from '../faults/fail-always.ts';
import { failEvery } from '../faults/fail-every.ts';
import { failFirst } from '../faults/fail-first.ts';
import { garbage } from '../faults/garbage.ts';
import { goAway } from '../faults/go-away.ts';
import { halfClose } from '../faults/half-close.ts';
import { latency } from '../faults/latency.ts';
import { partition } from '../faults/partition.ts';
import { refuse } from '../faults/refuse.ts';
import { reset } from '../faults/reset.ts';
import { slowClose } from '../faults/slow-close.ts';
import { truncateFrame } from '../faults/truncate-frame.ts';
import { truncateMessage } from '../faults/truncate-message.ts';
import type { InjectOptions } from '../injected-fault.ts';
import {
  Direction,
  type InjectFaultRequest,
  type Fault as ProtoFault,
} from './gen/touchstone/kit/v1/fault_proxy_service_pb.ts';

/**
 * @throws {ConnectError} `invalid_argument` if no fault is set.
 * @throws {TypeError} naming the invalid setting.
 */
export function faultOf(fault: ProtoFault | undefined): Fault {
  const kind = fault?.kind;
  switch (kind?.case) {
    case 'latency':
      return latency(kind.value);
    case 'bandwidth':
      return bandwidth(kind.value);
    case 'reset': {
      const { afterBytes, breaksConnection, http2Code } = kind.value;
      const breaks = breaksConnection ? 'connection' : 'call';
      return reset({ afterBytes, breaks, ...(http2Code === undefined ? {} : { http2Code }) });
    }
    case 'blackHole':
      return blackHole();
    case 'halfClose':
      return halfClose(kind.value);
    case 'slowClose':
      return slowClose(kind.value);
    case 'garbage':
      return garbage(kind.value.bytes === 0 ? {} : kind.value);
    case 'truncateMessage':
      return truncateMessage(kind.value.afterBytes === 0 ? {} : kind.value);
    case 'truncateFrame':
      return truncateFrame(kind.value);
    case 'goAway':
      return goAway({ http2Code: kind.value.http2Code, refuses: !kind.value.servesCall });
    case 'failFirst':
      return failFirst(kind.value.count, kind.value.status || undefined);
    case 'failEvery':
      return failEvery(kind.value.interval, kind.value.status || undefined);
    case 'failAlways':
      return failAlways(kind.value.status || undefined);
    case 'partition':
      return partition();
    case 'refuse':
      return refuse(kind.value);
    case 'answerInTls':
      return answerInTls();
    case undefined:
      throw new ConnectError('"fault" must set one kind of fault', Code.InvalidArgument);
  }
}

const DIRECTIONS: Readonly<Partial<Record<Direction, 'up' | 'down' | 'both'>>> = {
  [Direction.UP]: 'up',
  [Direction.DOWN]: 'down',
  [Direction.BOTH]: 'both',
};

/** Fields that are unset are left out, so that the defaults of the fault apply. */
export function optionsOf(request: InjectFaultRequest): InjectOptions {
  const { rpc, after, every, probability, times } = request;
  const direction = DIRECTIONS[request.direction];
  return {
    ...(rpc === '' ? {} : { rpc }),
    ...(direction === undefined ? {} : { direction }),
    ...(after === 0 ? {} : { after }),
    ...(every === 0 ? {} : { every }),
    ...(probability === undefined ? {} : { probability }),
    ...(times === 0 ? {} : { times }),
  };
}
