// Reads a recording from its file.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Recording } from './exchange.ts';
import { RecordingError } from './recording-error.ts';
import { parseRecording } from './recording-format.ts';

/**
 * Returns the recording in a file. A recorder may be writing it: what it has finished is there.
 *
 * @throws RecordingError naming the file, and the line that cannot be read.
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
