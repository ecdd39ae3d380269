// A server that answers without any work, and says how much processor time it has taken.
import { InventoryService } from '../../../gen/shop/inventory/v1/inventory_service_pb.ts';
import { createRpcServer } from '../../../packages/rpc-server/index.ts';

const server = createRpcServer({
  routes: ({ service }) =>
    service(InventoryService, {
      checkAvailability: ({ productId }) => ({ productId, available: true, quantity: 100 }),
    }),
  httpRoutes: {
    '/processor-time': (_, response) => {
      const { user, system } = process.cpuUsage();
      response.end(String(user + system));
    },
  },
});
const { url } = await server.listen();
process.once('SIGTERM', () => void server.stop({ graceMs: 0 }));
process.stdout.write(`ready ${url}\n`);
