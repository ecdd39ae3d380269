// Whether each provider honours each contract, as the contract tests last found it in this working tree.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const MOST_FILES = 200;

const contractFile = z.object({
  consumer: z.object({ name: z.string() }),
  provider: z.object({ name: z.string() }),
  interactions: z.array(z.unknown()),
});
const resultsFile = z.object({
  /** The name of the contract file. */
  contract: z.string(),
  /** SHA-256 of the contract file that was verified. */
  digest: z.string(),
  time: z.string(),
  interactions: z.array(z.object({ title: z.string(), isHonoured: z.boolean() })),
});
type Results = z.infer<typeof resultsFile>;

export type VerifiedPair = {
  readonly consumer: string;
  readonly provider: string;
  /** How many interactions the contract has. */
  readonly interactions: number;
  /** How many of them the provider was last found to honour. */
  readonly honoured: number;
  /** The titles of those that it does not honour. */
  readonly broken: readonly string[];
  /** `changed`: the contract is not the one that was verified. `none`: it was not verified in this working tree. */
  readonly evidence: 'current' | 'changed' | 'none';
  /** When it was verified; with several results the earliest. Null without one. */
  readonly time: string | null;
};

/**
 * Compares the contract files of a folder with the results in another, which need not exist.
 *
 * @throws {Error} naming a file that is neither.
 */
export async function readVerifications(contracts: string, results: string): Promise<VerifiedPair[]> {
  const found = (await readFiles(results, resultsFile)).map(({ content }) => content);
  return (await readFiles(contracts, contractFile)).map(({ name, digest, content }) => {
    const { consumer, provider, interactions } = content;
    const own = found.filter(({ contract }) => contract === name);
    return {
      consumer: consumer.name,
      provider: provider.name,
      interactions: interactions.length,
      ...judge(own, digest),
    };
  });
}

function judge(
  results: readonly Results[],
  digest: string,
): Omit<VerifiedPair, 'consumer' | 'provider' | 'interactions'> {
  const [earliest] = results.map(({ time }) => time).sort();
  if (earliest === undefined) return { honoured: 0, broken: [], evidence: 'none', time: null };
  const all = results.flatMap(({ interactions }) => interactions);
  return {
    honoured: all.filter(({ isHonoured }) => isHonoured).length,
    broken: all.filter(({ isHonoured }) => !isHonoured).map(({ title }) => title),
    evidence: results.every((result) => result.digest === digest) ? 'current' : 'changed',
    time: earliest,
  };
}

async function readFiles<T>(directory: string, schema: z.ZodType<T>) {
  const names = (await list(directory)).filter((name) => name.endsWith('.json') && !name.startsWith('.')).sort();
  return await Promise.all(
    names.slice(0, MOST_FILES).map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8');
      const digest = createHash('sha256').update(text).digest('hex');
      return { name, digest, content: parse(schema, text, name) };
    }),
  );
}

function parse<T>(schema: z.ZodType<T>, text: string, name: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${name} has another form than expected`, { cause });
  }
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
