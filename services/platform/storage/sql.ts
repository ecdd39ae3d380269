// Tagged template `sql`: values become numbered parameters, so that no statement numbers them by hand.

/** A statement, or a part of one, with its parameters. */
export type Sql = {
  readonly strings: readonly string[];
  readonly values: readonly unknown[];
};

/** A statement as Postgres takes it: `$1` stands for the first value. */
export type Statement = { readonly text: string; readonly values: readonly unknown[] };

const fragments = new WeakSet<Sql>();

/**
 * Builds a statement or a fragment of one: sql`select * from invoice where invoice_id = ${invoiceId}`. A value that is itself built by
 * `sql` is inserted as SQL, everything else becomes a parameter. The text depends on the template only, never on the parameters, so
 * that one template is one prepared statement.
 */
export function sql(strings: TemplateStringsArray, ...values: readonly unknown[]): Sql {
  return build([...strings], values);
}

/** SQL that is inserted as it is: names of tables and columns that the code fixes, never text from outside. */
export function rawSql(text: string): Sql {
  return mark({ strings: [text], values: [] });
}

/** Joins fragments by a separator such as ` and `; an empty list gives an empty fragment. */
export function joinSql(parts: readonly Sql[], separator: string): Sql {
  const strings = parts.flatMap((_, index) => (index === 0 ? [''] : [separator]));
  return parts.length === 0 ? rawSql('') : build([...strings, ''], parts);
}

/** An interval of so many milliseconds. */
export function milliseconds(value: number): Sql {
  return sql`${value}::float8 * interval '1 millisecond'`;
}

/** Numbers the parameters of a finished statement. */
export function toStatement({ strings, values }: Sql): Statement {
  const text = strings.reduce((before, string, index) => `${before}$${index}${string}`);
  return { text, values };
}

function build(strings: readonly string[], values: readonly unknown[]): Sql {
  const texts = [strings[0] ?? ''];
  const parameters: unknown[] = [];
  const append = (text: string): void => {
    texts[texts.length - 1] += text;
  };
  for (const [index, value] of values.entries()) {
    const following = strings[index + 1] ?? '';
    if (!isFragment(value)) {
      parameters.push(value);
      texts.push(following);
      continue;
    }
    append(value.strings[0] ?? '');
    for (const [position, parameter] of value.values.entries()) {
      parameters.push(parameter);
      texts.push(value.strings[position + 1] ?? '');
    }
    append(following);
  }
  return mark({ strings: texts, values: parameters });
}

// Recognised by identity: a JSON value from outside that has the same shape stays a parameter.
function mark(fragment: Sql): Sql {
  fragments.add(fragment);
  return fragment;
}

function isFragment(value: unknown): value is Sql {
  return typeof value === 'object' && value !== null && fragments.has(value as Sql);
}
