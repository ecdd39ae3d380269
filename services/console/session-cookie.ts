// The cookie that keeps the token of a signed-in operator: scripts cannot read it, and no other site's request carries it.

const NAME = 'touchstone_console';
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Browsers refuse longer cookies. */
export const MAX_TOKEN_LENGTH = 3_500;

/** Whether a token can be kept in a cookie: it has the form of a JWT. */
export function isCookieToken(token: string): boolean {
  return token.length <= MAX_TOKEN_LENGTH && TOKEN.test(token);
}

/** The value of `set-cookie` that keeps the token until the browser is closed, or, without a token, deletes the cookie. */
export function cookieOf(token: string | undefined, secure: boolean): string {
  const attributes = `Path=/; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  return token === undefined ? `${NAME}=; ${attributes}; Max-Age=0` : `${NAME}=${token}; ${attributes}`;
}

/** The token in the header `cookie`; undefined when there is none. */
export function tokenOf(header: string | undefined): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const [name, value = ''] = part.trim().split('=', 2);
    if (name === NAME && isCookieToken(value)) return value;
  }
  return undefined;
}
