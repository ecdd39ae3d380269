// The mutants that survive, each with the reason why no test notices it. `make mutation` fails when another one survives, and when
// one of these no longer does.
import type { Survivor } from '../judge.ts';

export const SURVIVORS: readonly Survivor[] = [];
