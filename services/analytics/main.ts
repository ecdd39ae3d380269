// The entry point of the analytics process.
import process from 'node:process';
import { runService } from '../platform/runtime/run-service.ts';
import { loadConfig } from './config.ts';
import { createAnalyticsService } from './service.ts';

await runService(process, 'analytics', loadConfig, createAnalyticsService);
