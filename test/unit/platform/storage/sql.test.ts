// Statements built by the `sql` template: parameters are numbered in order, whatever is nested.
import { describe, expect, it } from 'vitest';
import { joinSql, milliseconds, rawSql, sql, toStatement } from '#services/platform/storage/sql.ts';

describe('sql', () => {
  it('numbers values in the order of the template', () => {
    expect(toStatement(sql`select ${1}, ${'two'}`)).toEqual({ text: 'select $1, $2', values: [1, 'two'] });
  });

  it('has no parameters where the template has no values', () => {
    expect(toStatement(sql`select now()`)).toEqual({ text: 'select now()', values: [] });
  });

  it('inserts fragments as SQL and continues numbering', () => {
    const due = sql`resume_time <= ${'now'}`;
    const statement = sql`select ${1} from orders where ${due} and status = ${'PENDING'} limit ${5}`;

    expect(toStatement(statement)).toEqual({
      text: 'select $1 from orders where resume_time <= $2 and status = $3 limit $4',
      values: [1, 'now', 'PENDING', 5],
    });
  });

  it('inserts fragments within fragments', () => {
    const inner = sql`b = ${2}`;
    const outer = sql`(${sql`a = ${1}`} or ${inner})`;

    expect(toStatement(sql`where ${outer} and c = ${3}`)).toEqual({
      text: 'where (a = $1 or b = $2) and c = $3',
      values: [1, 2, 3],
    });
  });

  it('takes an object that looks like a fragment for a value', () => {
    const hostile = { strings: ['; drop table orders'], values: [] };

    expect(toStatement(sql`select ${hostile}::jsonb`)).toEqual({ text: 'select $1::jsonb', values: [hostile] });
  });

  it('keeps null and undefined as values', () => {
    expect(toStatement(sql`select ${null}, ${undefined}`).values).toEqual([null, undefined]);
  });
});

it('joins fragments by a separator', () => {
  const conditions = [sql`a = ${1}`, sql`b = ${2}`];

  expect(toStatement(sql`where ${joinSql(conditions, ' and ')} limit ${9}`)).toEqual({
    text: 'where a = $1 and b = $2 limit $3',
    values: [1, 2, 9],
  });
});

it('joins nothing to nothing', () => {
  expect(toStatement(sql`select 1${joinSql([], ', ')}`)).toEqual({ text: 'select 1', values: [] });
});

it('inserts a name that the code fixes', () => {
  expect(toStatement(sql`select * from ${rawSql('orders')} where order_id = ${'a'}`).text).toBe(
    'select * from orders where order_id = $1',
  );
});

it('makes an interval of milliseconds', () => {
  expect(toStatement(sql`select now() + ${milliseconds(250)}`)).toEqual({
    text: "select now() + $1::float8 * interval '1 millisecond'",
    values: [250],
  });
});
