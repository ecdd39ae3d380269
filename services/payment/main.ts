// The entry point of the payment process.
import process from 'node:process';
import { runService } from '../platform/runtime/run-service.ts';
import { loadConfig } from './config.ts';
import { createPaymentService } from './service.ts';

await runService(process, 'payment', loadConfig, createPaymentService);
