// Finds, in what the parts printed, the lines about the orders that something is wrong with.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g;
const MAX_IDS = 5;
const MAX_LINES = 80;

/** The lines of a file that hold one of the first ids these words speak of. */
export async function findLogLines(file: string, words: readonly string[]): Promise<string[]> {
  const ids = [...new Set(words.flatMap((word) => word.match(UUID) ?? []))].slice(0, MAX_IDS);
  const found: string[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (found.length < MAX_LINES && ids.some((id) => line.includes(id))) found.push(line);
  }
  return found;
}
