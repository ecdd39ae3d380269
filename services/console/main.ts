// The entry point of the console process.
import process from 'node:process';
import { runService } from '../platform/runtime/run-service.ts';
import { loadConfig } from './config.ts';
import { createConsoleService } from './service.ts';

await runService(process, 'console', loadConfig, createConsoleService);
