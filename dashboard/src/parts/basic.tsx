// Small parts that several pages use.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { address } from "../address";
import { asProblem, download, Problem } from "../api";
import { login } from "../session";
import type { Failure, QueueState } from "../types";
import { ago, bytes } from "../format";

const TONES: Record<string, string> = {
  ready: "good", completed: "good", confirmed: "good", ok: "good",
  failed: "bad", dead: "bad",
  pending: "busy", paused: "warn", cancelled: "dull",
};

export function Badge({ text, tone, title }: { text: string; tone?: string; title?: string }) {
  return <span class={`badge ${tone ?? TONES[text] ?? "dull"}`} title={title}>{text}</span>;
}

/** Whether the jobs of a queue are not handed out: `draining` until the running ones have ended. */
export function Pause({ of }: { of: QueueState }) {
  return of.paused ? <Badge text={of.leased > 0 ? "draining" : "paused"} tone="warn" /> : null;
}

export function Time({ at }: { at: string }) {
  return <time dateTime={at} title={at}>{ago(at)}</time>;
}

export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (!copySelected(text)) return;
    }
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return <button type="button" class="small" onClick={copy}>{done ? "Copied" : label}</button>;
}

/** Copies without `navigator.clipboard`, which pages without HTTPS do not have. */
function copySelected(text: string): boolean {
  const [focused, field] = [document.activeElement, document.createElement("textarea")];
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}

export function Notice({ children, tone = "bad" }: { children: ComponentChildren; tone?: "bad" | "good" | "warn" }) {
  return <div class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>{children}</div>;
}

export function Trouble({ of }: { of?: Problem | undefined }) {
  if (!of) return null;
  return (
    <Notice>
      <strong>{of.code}</strong>: {of.message}
      {of.faults.length > 0 && <ul>{of.faults.map((fault) => <li><code>{fault.path}</code>: {fault.message}</li>)}</ul>}
    </Notice>
  );
}

export function FailureNotice({ of }: { of?: Failure | undefined }) {
  if (!of) return null;
  return <Notice><strong>{of.code}</strong><pre class="plain">{of.message}</pre></Notice>;
}

/** Why a pending document waits: its last attempt has no result, and the work is tried again. */
export function Delay({ of }: { of?: Failure | undefined }) {
  if (!of) return null;
  return <Notice tone="warn">Tried again after <strong>{of.code}</strong><pre class="plain">{of.message}</pre></Notice>;
}

export function Section({ title, children, aside }: { title: string; children: ComponentChildren; aside?: ComponentChildren }) {
  const id = useId();
  return (
    <section aria-labelledby={id} class="card">
      <header><h2 id={id}>{title}</h2>{aside}</header>
      {children}
    </section>
  );
}

/** Heading of a page. It gets the focus when the page opens, so that a reader begins there. A text is also the name of the window. */
export function Title({ children, aside }: { children: ComponentChildren; aside?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  useEffect(() => { document.title = typeof children === "string" && children !== "ZKFlow" ? `${children} - ZKFlow` : "ZKFlow"; }, [children]);
  return <div class="title"><h1 ref={heading} tabIndex={-1}>{children}</h1>{aside}</div>;
}

export function Field({ label, hint, children }: { label: string; hint?: ComponentChildren; children: (id: string, hintId: string) => ComponentChildren }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id, `${id}-hint`)}
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </div>
  );
}

/** Text of a filter. `set` is called at Enter, and when the field is left; until then a refresh of the page keeps what is typed. */
export function Search({ label, placeholder, value, set }: { label: string; placeholder?: string; value: string; set: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return (
    <Field label={label}>{(id) => (
      <input id={id} type="search" maxLength={256} placeholder={placeholder} value={typed} onInput={(event) => setTyped(event.currentTarget.value)}
        onChange={(event) => set(event.currentTarget.value.trim())} />
    )}</Field>
  );
}

/** A link to a file of the API. */
export function FileLink({ path, name, fail }: { path: string; name: string; fail: (problem: Problem) => void }) {
  if (!login.token()) return <a href={address(path)} download={name}>{name}</a>;
  return <button type="button" class="link" onClick={() => void download(path, name).catch((error: unknown) => fail(asProblem(error)))}>{name}</button>;
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return <dl class="facts">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** A table that scrolls in its own box on a narrow screen. */
export function Table({ head, children, label }: { head: ComponentChildren[]; children: ComponentChildren; label: string }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table><thead><tr>{head.map((name) => <th scope="col">{name}</th>)}</tr></thead><tbody>{children}</tbody></table>
    </div>
  );
}

export function More({ of }: { of: (() => void) | null }) {
  return of ? <p><button type="button" onClick={of}>Load more</button></p> : null;
}

/** A button that asks before it acts. A question that takes a call is asked when its answer is there. */
export function Confirm({ label, question, act, disabled = false, tone = "danger" }: {
  label: string; question: string | (() => Promise<string>); act: () => void | Promise<void>; disabled?: boolean; tone?: string;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const [asked, setAsked] = useState("");
  const ask = async () => {
    if (typeof question !== "string") setAsked(await question());
    dialog.current?.showModal();
  };
  const confirm = async () => {
    dialog.current?.close();
    await act();
  };
  return (
    <>
      <button type="button" class={tone} disabled={disabled} onClick={() => void ask()}>{label}</button>
      <dialog ref={dialog} aria-labelledby={id}>
        <p id={id}>{typeof question === "string" ? question : asked}</p>
        <div class="row end">
          <button type="button" onClick={() => dialog.current?.close()}>Cancel</button>
          <button type="button" class={tone} onClick={() => void confirm()}>{label}</button>
        </div>
      </dialog>
    </>
  );
}

/** A box for files, by drop or by choice. */
export function Choose({ label, accept, take }: { label: string; accept: string; take: (files: File[]) => void }) {
  const [over, setOver] = useState(false);
  const id = useId();
  return (
    <div
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); take(Array.from(event.dataTransfer?.files ?? [])); }}
    >
      <label for={id}>{label}</label>
      <input id={id} type="file" accept={accept} multiple onChange={(event) => { take(Array.from(event.currentTarget.files ?? [])); event.currentTarget.value = ""; }} />
    </div>
  );
}

/** Most files that are taken at once, and their greatest size in bytes. */
const MOST_FILES = 4;
const MOST_BYTES = 2 << 20;

/** A box for small JSON files. */
export function Drop({ label, take, refuse }: { label: string; take: (text: string, name: string) => void; refuse: (problem: Problem) => void }) {
  const read = async (files: File[]) => {
    const large = files.find((file) => file.size > MOST_BYTES);
    if (large) return refuse(new Problem(0, "body_too_large", `${large.name} has ${bytes(large.size)}: at most ${bytes(MOST_BYTES)} are taken`, []));
    if (files.length > MOST_FILES) return refuse(new Problem(0, "too_many_files", `${files.length} files: at most ${MOST_FILES} are taken`, []));
    try {
      for (const file of files) take(await file.text(), file.name);
    } catch (error) {
      refuse(asProblem(error));
    }
  };
  return <Choose label={label} accept=".json,application/json" take={(files) => void read(files)} />;
}
