// The entry point of the monitor process.
import process from 'node:process';
import { runService } from '../platform/runtime/run-service.ts';
import { loadConfig } from './config.ts';
import { createMonitorService } from './service.ts';

await runService(process, 'monitor', loadConfig, createMonitorService);
