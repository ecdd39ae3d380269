// Recordings in files.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Recording } from './exchange.ts';
import { RecordingError } from './recording-error.ts';
import { parseRecording } from './recording-format.ts';

/**
 * Reads the recording in a file. A recorder may still be writing the file; the exchanges that have ended are returned.
 *
 * @throws {RecordingError} naming the file and the invalid line.
 */
export async function readRecording(file: string): Promise<Recording> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new RecordingError(`${file}: cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return parseRecording(text, basename(file));
}
