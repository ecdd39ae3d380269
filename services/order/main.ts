// Runs the order service as a process.
import process from 'node:process';
import { runService } from '../platform/runtime/run-service.ts';
import { loadConfig } from './config.ts';
import { createOrderService } from './service.ts';

await runService(process, 'order', loadConfig, createOrderService);
