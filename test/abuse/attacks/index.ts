// All attacks, in the order in which they run.
import type { Attack } from '../attack.ts';
import { compressedBodies } from './compressed-bodies.ts';
import { continuationFlood } from './continuation-flood.ts';
import { idleConnections } from './idle-connections.ts';
import { opsFlood } from './ops-flood.ts';
import { oversizedBodies } from './oversized-bodies.ts';
import { rapidReset } from './rapid-reset.ts';
import { slowHeaders } from './slow-headers.ts';
import { stalledBodies } from './stalled-bodies.ts';
import { watchFlood } from './watch-flood.ts';

export const ATTACKS: readonly Attack[] = [
  stalledBodies,
  slowHeaders,
  idleConnections,
  rapidReset,
  continuationFlood,
  oversizedBodies,
  compressedBodies,
  opsFlood,
  watchFlood,
];
