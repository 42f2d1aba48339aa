import { useEffect, useRef, useState, type FormEvent } from "react";
import { post } from "../api.ts";
import { Failure } from "./state.tsx";

/** Acknowledge or silence: who and why are asked, because whoever reads the history later has nothing else. */
export function ActionDialog({ kind, alertId, minutes, onClose }: { kind: "acknowledge" | "silence"; alertId: string; minutes: readonly number[]; onClose: (done: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [actor, setActor] = useState(() => localStorage.getItem("signalbox.actor") ?? "");
  const [reason, setReason] = useState("");
  const [length, setLength] = useState(minutes[1] ?? 60);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      localStorage.setItem("signalbox.actor", actor);
      await post(`/api/alerts/${encodeURIComponent(alertId)}/${kind}`, { actor, reason, ...(kind === "silence" ? { minutes: length } : {}) });
      onClose(true);
    } catch (failure) {
      setError(failure as Error);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={() => onClose(false)} aria-label={kind}>
      <form className="stack" onSubmit={(e) => void submit(e)}>
        <h2>{kind === "silence" ? "Silence this alert" : "Acknowledge this alert"}</h2>
        <p className="muted small">{kind === "silence" ? "Its notifications stop until the silence ends. Others of the same rule go on." : "You have it. It stays until its condition has cleared."}</p>
        <label>Your name<input required maxLength={100} value={actor} onChange={(e) => setActor(e.target.value)} /></label>
        {kind === "silence" ? (
          <label>For<select value={length} onChange={(e) => setLength(Number(e.target.value))}>{minutes.map((m) => <option key={m} value={m}>{m < 60 ? `${m} minutes` : `${m / 60} h`}</option>)}</select></label>
        ) : null}
        <label>Reason<textarea required minLength={3} maxLength={500} value={reason} onChange={(e) => setReason(e.target.value)} /></label>
        {error ? <Failure error={error} /> : null}
        <div className="row"><button className="primary" disabled={busy}>{kind === "silence" ? "Silence" : "Acknowledge"}</button><button type="button" onClick={() => onClose(false)}>Cancel</button></div>
      </form>
    </dialog>
  );
}
