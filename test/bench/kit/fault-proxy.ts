// The throughput of the fault proxy without faults, compared with a plain TCP pipe of Node between the same client and upstream.
import { once } from 'node:events';
import { get } from 'node:http';
import { type Effort, type Figure, measureInTurns, median, medianRatio } from './figures.ts';
import { putUnderLoad } from './load.ts';
import { startScript } from './process.ts';

const warmUpSeconds = 2;
const mebibyte = 1024 * 1024;

export async function compareFaultProxy({ rounds, seconds }: Effort): Promise<Figure[]> {
  await using upstream = await startScript('fault-proxy-upstream.ts');
  await using proxy = await startScript('fault-proxy-relay.ts', 'fault-proxy', upstream.found);
  await using pipe = await startScript('fault-proxy-relay.ts', 'pipe', upstream.found);
  for (const { found } of [proxy, pipe]) {
    await readBytes(found);
    await putUnderLoad(`${found}/small`, warmUpSeconds);
  }
  const bytes = await measureInTurns(rounds, {
    proxy: () => readBytes(proxy.found),
    pipe: () => readBytes(pipe.found),
  });
  const requests = await measureInTurns(rounds, {
    proxy: () => putUnderLoad(`${proxy.found}/small`, seconds),
    pipe: () => putUnderLoad(`${pipe.found}/small`, seconds),
  });
  return [
    {
      what: 'fault proxy, bytes per second of a TCP pipe',
      ours: `${Math.round(median(bytes.proxy))} MiB/s`,
      peer: `${Math.round(median(bytes.pipe))} MiB/s`,
      ratio: medianRatio(bytes.proxy, bytes.pipe),
    },
    {
      what: 'fault proxy, small requests of a TCP pipe',
      ours: `${Math.round(median(requests.proxy))}/s`,
      peer: `${Math.round(median(requests.pipe))}/s`,
      ratio: medianRatio(requests.proxy, requests.pipe),
    },
  ];
}

/** Reads one long response. Returns MiB per second. */
async function readBytes(url: string): Promise<number> {
  const startMs = performance.now();
  const [answer] = await once(get(`${url}/bytes`, { agent: false }), 'response');
  let received = 0;
  for await (const chunk of answer) received += chunk.length;
  return received / mebibyte / ((performance.now() - startMs) / 1000);
}
