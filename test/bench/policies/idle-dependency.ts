// A dependency that answers without doing anything, as a process of its own: no call is shorter, so policies cost it the most.
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { createRpcServer } from '../../../packages/rpc-server/index.ts';

const server = createRpcServer({
  routes: ({ service }) =>
    service(InventoryService, {
      checkAvailability: ({ productId }) => ({ productId, available: true, quantity: 100 }),
    }),
});
const { url } = await server.listen();
process.once('SIGTERM', () => void server.stop({ graceMs: 0 }));
process.stdout.write(`ready ${url}\n`);
