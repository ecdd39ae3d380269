// A database that answers from a function and keeps the statements it was given: the light double of the platform's port.
import type { Database, Queryable } from '#services/platform/storage/database.ts';
import { type Sql, toStatement } from '#services/platform/storage/sql.ts';

export type Statement = { readonly text: string; readonly values: readonly unknown[] };

export type FakeDatabase = Database & {
  readonly statements: Statement[];
  /** How each transaction ended. */
  readonly transactions: ('committed' | 'rolled back')[];
};

/** Makes one; `answer` returns the rows of a statement, or throws. */
export function createFakeDatabase(answer: (statement: Statement) => unknown[] = () => []): FakeDatabase {
  const statements: Statement[] = [];
  const transactions: FakeDatabase['transactions'] = [];
  const query: Queryable['query'] = async <Row>(given: string | Sql, values: readonly unknown[] = []) => {
    const statement = typeof given === 'string' ? { text: given, values } : toStatement(given);
    statements.push(statement);
    return answer(statement) as Row[];
  };
  return {
    statements,
    transactions,
    query,
    transaction: async (work) => {
      const hints: (() => void)[] = [];
      try {
        const result = await work({ query, afterCommit: (hint) => hints.push(hint) });
        transactions.push('committed');
        for (const hint of hints) hint();
        return result;
      } catch (error) {
        transactions.push('rolled back');
        throw error;
      }
    },
    warm: async () => undefined,
    close: async () => undefined,
  };
}
