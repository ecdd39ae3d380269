// The contract tests of a driver, as a program: it writes a contract of every RPC and of three events, and the usage of one call.
//   node consumer.ts <descriptors> <folder of contracts> <folder of usage>
import type { DescMessage } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { contract, like, loadSchema, recordUsage } from '@touchstone/kit';
import { callGarage, findMethod } from './call.ts';
import { CAR_ADMITTED, GARAGE, LIFT } from './examples.ts';
import { EXPECTED_CALLS, type ExpectedCall } from './expected-calls.ts';

const [descriptors = '', contracts = '', usageFolder = ''] = process.argv.slice(2);
const schema = await loadSchema(descriptors);
const { services, registry } = schema;
const garage = contract('Driver', 'City-Garage', { directory: contracts, services });

/** Messages as one value, or a list where they are a stream. */
function asLiteral(messages: readonly object[], isStream: boolean) {
  return (isStream ? messages : messages[0]) as Readonly<Record<string, unknown>>;
}

async function expectReplies({ what, rpc, requests, replies }: ExpectedCall): Promise<void> {
  const method = findMethod(schema, rpc);
  const { error } = await garage
    .uponReceiving(what)
    .calls(`${method.parent.typeName}/${method.name}`, asLiteral(requests, /^(client|bidi)_/.test(method.methodKind)))
    .repliesWith(asLiteral(replies, /^(server|bidi)_/.test(method.methodKind)))
    .run(({ url }) => callGarage(schema, url, rpc, requests, 'grpc'));
  if (error) throw error;
}

async function expectEvent(name: string, example: object): Promise<void> {
  await garage
    .uponReceiving(`an event of ${name}`)
    .event(registry.getMessage(`garage.v1.${name}`) as DescMessage, example as never)
    .handledBy(() => undefined);
}

async function recordUsageOfGarage(): Promise<void> {
  const usage = recordUsage('Driver', 'City-Garage', {
    directory: usageFolder,
    file: 'consumer.ts',
    test: () => 'shows a garage',
  });
  await garage
    .uponReceiving('a question')
    .calls('garage.v1.GarageService/GetGarage', { garageId: 'g1' })
    .repliesWith(GARAGE)
    .run(async ({ url }) => {
      const service = findMethod(schema, 'GarageService/GetGarage').parent;
      const transport = createConnectTransport({ baseUrl: url, httpVersion: '1.1' });
      // biome-ignore lint/suspicious/noExplicitAny: there is no generated code for this client.
      const client: any = usage.client(service, createClient(service, transport));
      const seen = await client.getGarage({ garageId: 'g1' });
      return [Object.values(seen.byInt64), seen.owner.value.plate];
    });
  await usage.write({ isWhole: true });
}

for (const expected of EXPECTED_CALLS) await expectReplies(expected);
await expectEvent('CarAdmitted', { ...CAR_ADMITTED, car: like(CAR_ADMITTED.car) });
await expectEvent('BarrierLifted', { barrier: 0, arm: LIFT.arm, lane: LIFT.lane });
await expectEvent('PermitIssued', { permitId: '0', holder: { name: '' } });
await recordUsageOfGarage();
