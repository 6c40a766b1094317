/** The form that starts a run: made from the schema of the workflow's input where that is simple enough, else JSON as it is. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import type { WorkflowDocument } from "../../../../core/definition/document.ts";
import { send } from "../api.ts";
import { useMay } from "../session.ts";
import { Question } from "../ui/dialog.tsx";
import { asValue, type Field, fieldsOf } from "./input-fields.ts";

interface StartProps {
  workflow: string;
  document: WorkflowDocument;
}

export function StartRun(props: StartProps): JSX.Element | null {
  const [open, setOpen] = useState(false);
  if (!useMay("runs.start")) return null;
  return (
    <>
      <button type="button" class="primary" onClick={() => setOpen(true)}>
        Start a run
      </button>
      {open && <StartDialog {...props} onClose={() => setOpen(false)} />}
    </>
  );
}

function StartDialog({ workflow, document, onClose }: StartProps & { onClose: () => void }): JSX.Element {
  const fields = fieldsOf(document.input);
  const [, go] = useLocation();
  const [input, setInput] = useState<Input>({ asJson: fields === null, texts: {}, json: NOTHING });
  const start = async (): Promise<string> => {
    const trigger = otherTrigger(document);
    const body = { workflow, input: valueOf(input, fields), ...(trigger === null ? {} : { trigger }) };
    const run = await send<{ id: string }>("POST", "/runs", { body });
    go(`/runs/${run.id}`);
    return "The run was started.";
  };
  return (
    <Question title={`Start ${workflow}`} label="Start" onYes={start} onClose={onClose}>
      <InputForm fields={fields} input={input} onChange={setInput} />
    </Question>
  );
}

const NOTHING = "{}";

/** What was filled in, in both ways. */
interface Input {
  readonly asJson: boolean;
  readonly texts: Readonly<Record<string, string>>;
  readonly json: string;
}

/** Throws `SyntaxError`. */
function valueOf({ asJson, texts, json }: Input, fields: readonly Field[] | null): unknown {
  return asJson || !fields ? JSON.parse(json) : asValue(fields, texts);
}

/** What has been filled in already is there as JSON too, once there is more of it than nothing. */
function written(input: Input, fields: readonly Field[], asJson: boolean): Input {
  if (!asJson || input.json !== NOTHING) return { ...input, asJson };
  try {
    const filled = fields.filter(({ name }) => (input.texts[name] ?? "") !== "");
    return { ...input, asJson, json: JSON.stringify(asValue(filled, input.texts), null, 2) };
  } catch {
    return { ...input, asJson };
  }
}

interface InputFormProps {
  fields: readonly Field[] | null;
  input: Input;
  onChange: (input: Input) => void;
}

function InputForm({ fields, input, onChange }: InputFormProps): JSX.Element {
  const { asJson, texts, json } = input;
  return (
    <>
      {fields && (
        <label class="check">
          <input
            type="checkbox"
            checked={asJson}
            onChange={(event) => onChange(written(input, fields, event.currentTarget.checked))}
          />
          Write the input as JSON
        </label>
      )}
      {asJson || !fields ? (
        <label>
          Input
          <textarea
            class="code"
            rows={10}
            value={json}
            onInput={(event) => onChange({ ...input, json: event.currentTarget.value })}
          />
        </label>
      ) : (
        fields.map((field) => (
          <Entry
            key={field.name}
            field={field}
            value={texts[field.name] ?? ""}
            onInput={(text) => onChange({ ...input, texts: { ...texts, [field.name]: text } })}
          />
        ))
      )}
    </>
  );
}

interface EntryProps {
  field: Field;
  value: string;
  onInput: (text: string) => void;
}

function Entry({ field, value, onInput }: EntryProps): JSX.Element {
  const { name, type, required, choices, description } = field;
  return (
    <label>
      {name}
      {required ? "" : " (may be left out)"}
      {choices ? (
        <select value={value} required={required} onChange={(event) => onInput(event.currentTarget.value)}>
          <option value="" />
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : type === "json" ? (
        <textarea
          class="code"
          rows={3}
          required={required}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      ) : (
        <input
          type={type === "number" || type === "integer" ? "number" : "text"}
          step={type === "integer" ? "1" : "any"}
          required={required}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
      {description && <small class="muted">{description}</small>}
    </label>
  );
}

/** The trigger to name where there is none for starts by hand; `null`: there is one. */
function otherTrigger({ nodes }: WorkflowDocument): string | null {
  const triggers = Object.entries(nodes).flatMap(([id, node]) =>
    node.kind === "trigger" ? [{ id, type: node.source?.type ?? "manual" }] : [],
  );
  return triggers.some(({ type }) => type === "manual") ? null : (triggers[0]?.id ?? null);
}
