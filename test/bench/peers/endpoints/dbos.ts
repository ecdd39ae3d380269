// The process that takes orders and runs their steps as a workflow of DBOS. SIGTERM ends it.
import { DBOS } from '@dbos-inc/dbos-sdk';
import { createCountedPool, publishOnSignal } from '../counted-pool.ts';
import { type PlacedOrder, placeOrder } from '../order-steps.ts';
import { createSteps } from '../step-clients.ts';
import { serveOrders } from './serve-orders.ts';

const { DBOS_SYSTEM_DATABASE_URL = '', DBOS_CONNECTIONS = '' } = process.env;

const steps = createSteps(process.env);
const workflow = DBOS.registerWorkflow(
  (order: PlacedOrder) => placeOrder(order, steps, (name, step) => DBOS.runStep(step, { name, retriesAllowed: true })),
  { name: 'placeOrder' },
);
// As the one that it would create itself, but its commits can be counted.
const pool = createCountedPool(DBOS_SYSTEM_DATABASE_URL, Number(DBOS_CONNECTIONS));
publishOnSignal(pool);
DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: DBOS_SYSTEM_DATABASE_URL,
  systemDatabasePool: pool,
  logLevel: 'warn',
});
await DBOS.launch();
const { url } = await serveOrders(async (order) => {
  const handle = await DBOS.startWorkflow(workflow, { workflowID: order.orderId })(order);
  return await handle.getResult();
});
process.stdout.write(`ready ${url}\n`);
