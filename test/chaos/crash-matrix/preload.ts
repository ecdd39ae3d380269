// Loaded into a service process before its main.ts (`node --import`): wraps its clients of the database, the broker, RPCs, HTTP and mail.
import process from 'node:process';
import { CONTROL_VARIABLE, SERVICE_VARIABLE } from './control-files.ts';
import { createTrigger } from './trigger.ts';
import { wrapBroker } from './wrap-broker.ts';
import { wrapHttpCalls, wrapRpcCalls } from './wrap-calls.ts';
import { wrapDatabase } from './wrap-database.ts';
import { wrapMail } from './wrap-mail.ts';

const directory = process.env[CONTROL_VARIABLE];
const service = process.env[SERVICE_VARIABLE];
if (directory === undefined || service === undefined) {
  throw new Error(`${CONTROL_VARIABLE} and ${SERVICE_VARIABLE} must be set`);
}
const trigger = createTrigger(directory, service);
wrapDatabase(trigger);
wrapBroker(trigger);
wrapRpcCalls(trigger);
wrapHttpCalls(trigger);
wrapMail(trigger);
