import { useState } from "preact/hooks";
import { begin } from "../api";
import { Field, Notice, Title } from "../parts/basic";

export function Login({ enter, ended }: { enter: () => void; ended: boolean }) {
  const [text, setText] = useState("");
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await begin(text.trim());
    } catch (problem) {
      setError(problem instanceof Error ? problem.message : String(problem));
      return;
    }
    setText("");
    enter();
  };
  return (
    <form class="card" onSubmit={submit}>
      <Title>ZKFlow</Title>
      <p>This server needs a key of the API. It is sent once and not kept: it begins a session, which ends when it is not used for a while.</p>
      <Field label="Key">
        {(id) => <input id={id} type="password" autocomplete="off" spellcheck={false} required value={text} onInput={(event) => setText(event.currentTarget.value)} />}
      </Field>
      {ended && !error && <Notice tone="warn">The session has ended. Enter the key again.</Notice>}
      {error && <Notice>{error}</Notice>}
      <button type="submit" class="primary">Continue</button>
    </form>
  );
}
