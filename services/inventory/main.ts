// The entry point of the inventory process.
import process from 'node:process';
import { runService } from '../platform/runtime/run-service.ts';
import { loadConfig } from './config.ts';
import { createInventoryService } from './service.ts';

await runService(process, 'inventory', loadConfig, createInventoryService);
