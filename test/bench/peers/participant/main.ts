// The process of the minimal participant: prints `ready <url>`; SIGTERM ends it.
import { createCountedPool, publishOnSignal } from '../counted-pool.ts';
import { startParticipant } from './participant.ts';

/** As many as callers in the largest load by default: none waits for another. */
const CONNECTIONS = 32;

const pool = createCountedPool(process.env.PARTICIPANT_DATABASE_URL ?? '', CONNECTIONS);
publishOnSignal(pool);
const { url } = await startParticipant(pool);
process.stdout.write(`ready ${url}\n`);
