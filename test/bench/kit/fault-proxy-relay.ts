// What stands between a client and the upstream that is the second argument: a fault-proxy without faults, or a TCP pipe.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { startFaultProxy } from '@touchstone/kit';

const [kind, upstream = ''] = process.argv.slice(2);
const url = kind === 'pipe' ? await startPipe(new URL(upstream)) : (await startFaultProxy({ upstream })).url;
process.stdout.write(`ready ${url}\n`);

async function startPipe({ hostname, port }: URL): Promise<string> {
  const server = createServer({ noDelay: true }, (socket) => {
    const onward = connect({ host: hostname, port: Number(port), noDelay: true });
    // A side that breaks off ends the other: `pipeline` sees to it, and no caller to report it to.
    pipeline(socket, onward, () => undefined);
    pipeline(onward, socket, () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
