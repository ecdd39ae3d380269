// The sign-in: a token that is pasted, and who is signed in.
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { type Session, signIn, signOut } from '../console-http.ts';

export function SignIn({ onDone }: { readonly onDone: () => void }) {
  const [token, setToken] = useState('');
  const [failure, setFailure] = useState<string>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setFailure(undefined);
    try {
      await signIn(token.trim());
      onDone();
    } catch (error) {
      setFailure(error instanceof Error ? error.message : 'the token was refused');
    }
  };
  return (
    <form className="card sign-in" onSubmit={(event) => void submit(event)}>
      <h1>Sign in</h1>
      <p className="muted">
        Paste the token of an operator. For a platform on this machine, <code>make token ROLE=operator</code> prints
        one.
      </p>
      <label htmlFor="token">Token</label>
      <textarea
        id="token"
        rows={4}
        value={token}
        spellCheck={false}
        onChange={({ target }) => setToken(target.value)}
      />
      {failure && (
        <p className="notice bad" role="alert">
          {failure}
        </p>
      )}
      <button type="submit" className="button primary" disabled={token.trim() === ''}>
        Sign in
      </button>
    </form>
  );
}

export function SignedIn({ session }: { readonly session: Session | undefined }) {
  const queries = useQueryClient();
  if (session?.caller == null) return null;
  return (
    <div className="signed-in">
      <span className="muted">{session.caller.name.replace(':', ' ')}</span>
      {session.signInNeeded && (
        <button
          type="button"
          className="button small"
          onClick={() => void signOut().then(() => queries.resetQueries())}
        >
          Sign out
        </button>
      )}
    </div>
  );
}
