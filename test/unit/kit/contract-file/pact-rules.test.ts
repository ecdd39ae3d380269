// Values of provider states and expressions in Pact's words: a tool of Pact must never refuse what the contract accepts.
import { describe, expect, it } from 'vitest';
import { writeInteraction } from '../../../../packages/kit/contract-file/interaction-json.ts';
import { toPactGenerators, toPactHeaderRules, toPactRules } from '../../../../packages/kit/contract-file/pact-rules.ts';
import { compileHeaders } from '../../../../packages/kit/matching/header-pattern.ts';
import { fromState, like } from '../../../../packages/kit/matching/matchers.ts';
import { getBook, interactionOf, registry } from '../contract/library-interactions.ts';

const one = (matcher: object) => ({ combine: 'AND', matchers: [matcher] });
const generated = (name: string) => ({ type: 'ProviderState', expression: `\${${name}}`, dataType: 'RAW' });
const noHeaders = compileHeaders({}, 'metadata');

describe('a value of a provider state', () => {
  const headers = compileHeaders({ 'x-reader': fromState('reader', 'r1'), 'x-a': '1', 'x-b': like('2') }, 'metadata');

  it('is generated in the body and the headers of a request, and no other is asked for', () => {
    const call = interactionOf('a call', getBook, { bookId: fromState('book', 'b1'), withContributors: true });
    const { request } = writeInteraction({ ...call, metadata: headers }, registry);

    expect(request).toMatchObject({
      headers: { 'x-reader': ['r1'] },
      body: { content: { bookId: 'b1' } },
      matchingRules: {
        body: { '$.bookId': one({ match: 'type' }) },
        header: { 'x-reader': one({ match: 'type' }), 'x-b': one({ match: 'type' }) },
      },
      generators: { body: { '$.bookId': generated('book') }, header: { 'x-reader': generated('reader') } },
    });
  });

  it('may be anything for Pact, which has the example only', () => {
    expect(toPactHeaderRules(headers)).toEqual({ 'x-reader': one({ match: 'type' }), 'x-b': one({ match: 'type' }) });
  });

  it('is generated where it is, unless no path of Pact can name the place', () => {
    const rule = { match: 'fromState', name: 'n' };
    const rules = { 'authors[12].name': rule, 'm["main hall"]': rule, 'm["it\'s"]': rule, title: { match: 'like' } };

    expect(toPactGenerators({ message: {}, rules }, noHeaders)).toStrictEqual({
      body: { '$.authors[12].name': generated('n'), "$.m['main hall']": generated('n') },
    });
  });

  it('is generated in headers alone where no other is', () => {
    expect(toPactGenerators({ message: {}, rules: { a: { match: 'like' } } }, headers)).toStrictEqual({
      header: { 'x-reader': generated('reader') },
    });
  });
});

describe('an expression in Pact’s rules', () => {
  const ruleFor = (regex: string, flags = '') =>
    toPactRules({ message: {}, rules: { title: { match: 'regex', regex, flags } } });

  it.each([
    ['^a$', '', '^a$'],
    ['a', '', '[\\s\\S]*(?:a)[\\s\\S]*'],
    ['x|^b$', '', '[\\s\\S]*(?:x|^b$)[\\s\\S]*'],
    ['^a$|b', '', '[\\s\\S]*(?:^a$|b)[\\s\\S]*'],
    ['x^b$', '', '[\\s\\S]*(?:x^b$)[\\s\\S]*'],
    ['^a|b$', '', '[\\s\\S]*(?:^a|b$)[\\s\\S]*'],
    ['^a$b', '', '[\\s\\S]*(?:^a$b)[\\s\\S]*'],
    ['^a$', 'm', '(?m)[\\s\\S]*(?:^a$)[\\s\\S]*'],
    ['^a$', 'isu', '(?is)^a$'],
    ['^a$', 'u', '^a$'],
  ])('is found anywhere in a text unless it is anchored: /%s/%s', (regex, flags, inPact) => {
    expect(ruleFor(regex, flags)).toEqual({ '$.title': one({ match: 'regex', regex: inPact }) });
  });

  it.each(['[]', '[^]', String.raw`\cA`, String.raw`\k<a>`])(
    'accepts every text where Pact has no such: %s',
    (regex) => {
      expect(ruleFor(regex)).toEqual({ '$.title': one({ match: 'type' }) });
    },
  );

  it('may have a control letter that is none', () => {
    expect(ruleFor(String.raw`^\c1$`)).toEqual({ '$.title': one({ match: 'regex', regex: String.raw`^\c1$` }) });
  });
});
