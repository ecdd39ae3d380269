// The search for log lines about the orders that a soak reports.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g;
const MAX_IDS = 5;
const MAX_LINES = 80;

/** Returns the lines of a file that contain one of the first ids in these texts. */
export async function findLogLines(file: string, words: readonly string[]): Promise<string[]> {
  const ids = [...new Set(words.flatMap((word) => word.match(UUID) ?? []))].slice(0, MAX_IDS);
  const found: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (found.length < MAX_LINES && ids.some((id) => line.includes(id))) found.push(line);
  }
  return found;
}
