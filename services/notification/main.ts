// The entry point of the notification process.
import process from 'node:process';
import { runService } from '../platform/runtime/run-service.ts';
import { loadConfig } from './config.ts';
import { createNotificationService } from './service.ts';

await runService(process, 'notification', loadConfig, createNotificationService);
