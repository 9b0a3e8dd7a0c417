import { useState } from "preact/hooks";
import { get, Problem } from "../api";
import { Field, Notice, Title } from "../parts/basic";
import { key } from "../session";

export function Login({ enter, ended }: { enter: () => void; ended: boolean }) {
  const [text, setText] = useState("");
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    key.set(text.trim());
    try {
      await get("/v1/templates");
    } catch (problem) {
      // Another permission may be missing: the key itself is accepted.
      if (!(problem instanceof Problem) || problem.status !== 403) {
        key.forget();
        setError(problem instanceof Error ? problem.message : String(problem));
        return;
      }
    }
    enter();
  };
  return (
    <form class="card" onSubmit={submit}>
      <Title>ZKFlow</Title>
      <p>This server needs a key of the API. It stays in this tab, and is forgotten when the tab is closed, or is not used for a while.</p>
      <Field label="Key">
        {(id) => <input id={id} type="password" autocomplete="off" spellcheck={false} required value={text} onInput={(event) => setText(event.currentTarget.value)} />}
      </Field>
      {ended && !error && <Notice tone="warn">The session has ended. Enter the key again.</Notice>}
      {error && <Notice>{error}</Notice>}
      <button type="submit" class="primary">Continue</button>
    </form>
  );
}
