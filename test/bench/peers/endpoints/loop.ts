// The process that takes orders and runs their steps in a plain loop. SIGTERM ends it.
import { placeOrder } from '../order-steps.ts';
import { runPlainly } from '../plain-loop.ts';
import { createSteps } from '../step-clients.ts';
import { serveOrders } from './serve-orders.ts';

const steps = createSteps(process.env);
const { url } = await serveOrders((order) => placeOrder(order, steps, runPlainly));
process.stdout.write(`ready ${url}\n`);
