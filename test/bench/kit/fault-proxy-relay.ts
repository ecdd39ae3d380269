// The relay between client and upstream (second argument): a fault proxy without faults, or a TCP pipe.
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
    // `pipeline` closes both sides when one breaks; there is no caller to report the error to.
    pipeline(socket, onward, () => undefined);
    pipeline(onward, socket, () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
