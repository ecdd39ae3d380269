// Text from outside: how long it is, what a request may not contain, and how the text of another system becomes fit to be stored, sent
// and shown. Pure.

// Characters without a glyph of their own, among them every zero-width and bidirectional one.
const INVISIBLE = /\p{Default_Ignorable_Code_Point}|\p{Bidi_Control}|[\u2028\u2029]/u;
const UNPRINTABLE = /[^\P{Cc}\s]|\p{Bidi_Control}|[\u200b\u2060-\u206f\ufeff\u00ad]/gu;

/** The number of Unicode code points: most emoji count as one, though UTF-16 has two units for them. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _character of text) count += 1;
  return count;
}

/** At most `maxCharacters` code points of a text; when some are left out, the last one is an ellipsis. */
export function truncate(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters || countCharacters(text) <= maxCharacters) return text;
  return `${Array.from(text.slice(0, 2 * maxCharacters))
    .slice(0, maxCharacters - 1)
    .join('')}…`;
}

/**
 * The text of another system, fit to be stored, logged and shown: white space becomes single spaces; NUL, escape and other control
 * characters, bidirectional and zero-width ones and halves of surrogate pairs become U+FFFD. Postgres refuses NUL in any text, and half
 * a pair in JSON.
 */
export function cleanText(text: string, maxCharacters: number): string {
  const printable = text.toWellFormed().replace(UNPRINTABLE, '\ufffd').replace(/\s+/g, ' ').trim();
  return truncate(printable, maxCharacters);
}

/** What is wrong with the characters of an identifier; undefined when nothing is. */
export function findTextFault(text: string): string | undefined {
  if (!text.isWellFormed()) return 'must be well-formed Unicode';
  if (/\p{Cc}/u.test(text)) return 'must not contain control characters';
  if (INVISIBLE.test(text)) return 'must not contain invisible or bidirectional characters';
  if (text.trim() !== text) return 'must not begin or end with white space';
  return undefined;
}
