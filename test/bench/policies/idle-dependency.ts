// A dependency that answers without any work, in a process of its own: the shortest possible call, where policies cost the largest share.
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
