// The disk of the broker is full: no event can be stored, and orders are still confirmed.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ActiveFault, defineExperiment, type ExperimentContext } from './runner/experiment.ts';
import { countMails, describeAll, drawKey, placeOrders, within } from './runner/orders.ts';
import type { Platform } from './runner/platform.ts';
import { findMountObstacle, mountSmallDisk } from './runner/small-disk.ts';
import { isStillServing } from './runner/steady-state.ts';

const DISK_BYTES = 32 << 20;
const BLOCK = Buffer.alloc(1 << 16);
const ORDERS = 15;
const ANSWER_MS = 3_000;
const FULL_MS = 4_000;

export const diskFull = defineExperiment({
  name: 'disk-full',
  title: 'The disk of the broker is full',
  hypothesis:
    'Orders are CONFIRMED; their events wait in the outboxes, because the broker acknowledges only what it has stored. When ' +
    'there is space again and the broker is restarted, every event arrives: every mail is sent and every sum is right.',
  fault:
    `The broker keeps its streams on a disk of its own of ${DISK_BYTES >> 20} MB (a tmpfs), which a file fills completely. At the end the ` +
    'file is removed and nats-server restarted, as an operator would do.',
  blastRadius:
    'Mails, sums and price changes are late. The databases have another disk; no other disk of the machine is filled.',
  abort: { when: 'The order service no longer answers', limitMs: 40_000, watch: isStillServing('order') },
  measuredBy: 'The number of unpublished events of the order service, which is zero while the disk has space.',
  scenariosPerSecond: 3,
  platform: 'own',
  findObstacle: findMountObstacle,
  prepareFolder: (resources, dataDir) => mountSmallDisk(resources, join(dataDir, 'nats'), DISK_BYTES),
  inject: ({ subject }) => fillDisk(subject),
  observe: async ({ subject, random, check, wait }: ExperimentContext) => {
    const customerId = drawKey(random);
    const placed = await placeOrders(subject, random, ORDERS, { customerId });
    await wait(FULL_MS);
    check(`All of ${ORDERS} orders are CONFIRMED`, {
      holds: placed.every(({ outcome }) => outcome === 'CONFIRMED'),
      seen: describeAll(placed),
    });
    const slowestMs = Math.max(...placed.map(({ tookMs }) => tookMs));
    check('Each is answered in under 3 s', within('the slowest', slowestMs, ANSWER_MS));
    return customerId;
  },
  recover: async ({ subject, eventually }, customerId) => {
    await eventually('Every order has its mail when there is space again', 60_000, async () => {
      const mails = await countMails(subject, customerId);
      return { holds: mails === ORDERS, seen: `${mails} of ${ORDERS} mails` };
    });
  },
});

async function fillDisk(platform: Platform): Promise<ActiveFault> {
  const file = join(platform.dataDir, 'nats', 'ballast');
  const writtenBytes = await writeUntilFull(file);
  return {
    measureEffect: async () => {
      const { status } = await platform.ops('order').getStatus({}, { timeoutMs: 3_000 });
      const unsent = Number(status?.outbox?.unsent ?? 0n);
      return {
        count: unsent,
        seen: `${writtenBytes >> 10} KiB of ballast filled the disk; ${unsent} events could not be published`,
      };
    },
    remove: async () => {
      await rm(file, { force: true });
      await platform.stack.stop('nats', 0);
      await platform.stack.start('nats');
    },
  };
}

/** Returns the number of bytes written: at most the size of the disk. */
async function writeUntilFull(file: string): Promise<number> {
  await using handle = await open(file, 'w');
  let writtenBytes = 0;
  // Blocks get smaller, so that no space is left.
  for (let size = BLOCK.length; size >= 1; size = Math.floor(size / 2)) {
    while (writtenBytes <= DISK_BYTES) {
      try {
        writtenBytes += (await handle.write(BLOCK, 0, size)).bytesWritten;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        break;
      }
    }
  }
  return writtenBytes;
}
