// The mutants that survive, by group, each with the reason why no test notices it. `make mutation` fails when another one survives,
// and when one of these no longer does.
import type { Survivor } from '../judge.ts';
import { AGGREGATES } from './aggregates.ts';
import { CONTRACT_FILE } from './contract-file.ts';
import { INVENTORY } from './inventory.ts';
import { MATCHER } from './matcher.ts';
import { MESSAGING } from './messaging.ts';
import { POLICIES } from './policies.ts';
import { SAGA } from './saga.ts';

export const SURVIVORS: readonly Survivor[] = [
  ...AGGREGATES,
  ...CONTRACT_FILE,
  ...INVENTORY,
  ...MATCHER,
  ...MESSAGING,
  ...POLICIES,
  ...SAGA,
];
