// The process of an attacker: runs one attack until its time is over or it is told to stop, and prints what it saw as JSON. A process of
// its own, so that the attack does not slow down the calls that are measured.
import type { Target } from './attack.ts';
import { ATTACKS } from './attacks/index.ts';

/** The one argument, as JSON. */
export type AttackerOptions = { readonly attack: string; readonly target: Target; readonly seconds: number };

const { attack: name, target, seconds } = JSON.parse(process.argv[2] ?? '') as AttackerOptions;
const attack = ATTACKS.find((candidate) => candidate.name === name);
if (attack === undefined) throw new Error(`there is no attack ${name}`);
if (new URL(target.url).hostname !== '127.0.0.1') throw new Error('only this machine is attacked');
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const outcomes = await attack.run(target, AbortSignal.any([stop.signal, AbortSignal.timeout(1_000 * seconds)]));
process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
