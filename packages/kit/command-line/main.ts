#!/usr/bin/env node
// The program `kit`: it connects the command line to the process's arguments, streams, signals and exit code.

import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { text } from 'node:stream/consumers';
import { runCommandLine } from './command-line.ts';

// The reader of the output has closed it, as `head` does. That must not end a command that serves.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  version: readVersion(),
  environment: process.env,
  awaitStop,
  write: (line) => process.stdout.write(`${line}\n`),
  writeError: (line) => process.stderr.write(`${line}\n`),
  hasInput: !process.stdin.isTTY,
  readInput: () => text(process.stdin),
});

/** Resolves at the first SIGINT or SIGTERM. Before the call, and after that signal, a signal ends the process at once. */
function awaitStop(): Promise<void> {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  return new Promise((resolve) => {
    const stop = () => {
      for (const signal of signals) process.off(signal, stop);
      resolve();
    };
    for (const signal of signals) process.on(signal, stop);
  });
}

function readVersion(): string {
  const file = findPackageJSON(import.meta.url);
  return file === undefined ? 'unknown' : (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
