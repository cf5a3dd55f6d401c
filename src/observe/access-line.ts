/**
 * Writes the access line of a request as JSON, by hand: a general serializer takes three times as long, and every
 * request writes this line. The texts that a key repeats (its label, client, path and model) are prepared once. The engine is
 * not, because requests of one key may go to many engines in turn. A test compares the result with JSON.stringify.
 */
import { detachAnyString } from '../core/detached-string.ts';
import { oneLine } from '../core/one-line.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

/** Characters that need no escape in a JSON string. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** Keys with prepared texts. They need about one kilobyte each. */
const maxKeys = 2_000;

/** The JSON texts of the last line of a key, with the values that they were made from. */
interface Prepared {
  client: string;
  method: string;
  path: string;
  target: string;
  keyLabel: string | null;
  key: string;
  model: string | null;
  modelText: string;
}

export class AccessLines {
  readonly #prepared = new Map<string, Prepared>();

  /** Includes the newline. `time` is ISO 8601 and comes from `atMs` of the line. */
  text(line: RequestLine): string {
    const { keyId } = line;
    const prepared = keyId === null ? undefined : this.#preparedFor(keyId, line);
    return (
      `{"level":"info","time":"${isoTime(line.atMs)}","id":${text(line.id)},"atMs":${line.atMs}` +
      `${prepared?.target ?? targetText(line)}${line.status}` +
      `${prepared?.key ?? keyText(line)}${text(line.engine)}${prepared?.modelText ?? modelText(line)}${line.bytesIn}` +
      `,"bytesOut":${line.bytesOut},"firstByteMs":${numberText(line.firstByteMs)}` +
      `,"queuedMs":${numberText(line.queuedMs)},"durationMs":${numberText(line.durationMs)}` +
      `,"inputTokens":${line.inputTokens},"outputTokens":${line.outputTokens}` +
      `,"cachedTokens":${line.cachedTokens},"promptTokens":${line.promptTokens}` +
      `,"chargedInputTokens":${line.chargedInputTokens},"chargedOutputTokens":${line.chargedOutputTokens}` +
      `,"tokensEstimated":${line.tokensEstimated},"streamed":${line.streamed}` +
      `,"ending":"${line.ending}"${endText(line)}`
    );
  }

  #preparedFor(keyId: string, line: RequestLine): Prepared {
    let prepared = this.#prepared.get(keyId);
    if (prepared === undefined) {
      if (this.#prepared.size === maxKeys) this.#prepared.clear();
      prepared = { ...target(line), ...key(line), ...model(line) };
      this.#prepared.set(keyId, prepared);
      return prepared;
    }
    if (prepared.path !== line.path || prepared.client !== line.client || prepared.method !== line.method)
      Object.assign(prepared, target(line));
    if (prepared.keyLabel !== line.keyLabel) Object.assign(prepared, key(line));
    if (prepared.model !== line.model) Object.assign(prepared, model(line));
    return prepared;
  }
}

function target(line: RequestLine): Pick<Prepared, 'client' | 'method' | 'path' | 'target'> {
  const { client, method, path } = line;
  return {
    client: detachAnyString(client),
    method: detachAnyString(method),
    path: detachAnyString(path),
    target: detachAnyString(targetText(line)),
  };
}

function key(line: RequestLine): Pick<Prepared, 'keyLabel' | 'key'> {
  return { keyLabel: line.keyLabel, key: detachAnyString(keyText(line)) };
}

function model(line: RequestLine): Pick<Prepared, 'model' | 'modelText'> {
  const name = line.model === null ? null : detachAnyString(line.model);
  return { model: name, modelText: detachAnyString(modelText(line)) };
}

function targetText({ client, method, path }: RequestLine): string {
  return `,"client":${text(client)},"method":${text(method)},"path":${text(path)},"status":`;
}

function keyText({ keyId, keyLabel }: RequestLine): string {
  return `,"keyId":${text(keyId)},"keyLabel":${text(keyLabel)},"engine":`;
}

function modelText({ model: name }: RequestLine): string {
  return `,"model":${text(name)},"bytesIn":`;
}

const usualEnd = ',"code":null,"rule":null,"droppedCredentials":null,"msg":"request"}\n';

function endText({ code, rule, droppedCredentials }: RequestLine): string {
  if (code === null && rule === null && droppedCredentials === null) return usualEnd;
  return `,"code":${text(code)},"rule":${text(rule)},"droppedCredentials":${text(droppedCredentials)},"msg":"request"}\n`;
}

function text(value: string | null): string {
  if (value === null) return 'null';
  return plain.test(value) ? `"${value}"` : oneLine(JSON.stringify(value));
}

const hundredthTexts = Array.from({ length: 100 }, (_, i) => String(i / 100).slice(1));

/** JavaScript's text of a number. The recorder rounds times to hundredths, and whole numbers are written faster. */
function numberText(value: number | null): string {
  if (value === null) return 'null';
  const hundredths = Math.round(value * 100);
  if (!(hundredths >= 0 && hundredths <= 1e9 && hundredths / 100 === value)) return `${value}`;
  const whole = Math.floor(hundredths / 100);
  return `${whole}${hundredthTexts[hundredths - whole * 100]}`;
}

/** The last second that was formatted. */
let second = Number.NaN;
let secondText = '';

function isoTime(ms: number): string {
  const now = Math.floor(ms / 1000);
  if (now !== second) {
    second = now;
    secondText = new Date(now * 1000).toISOString().slice(0, 20);
  }
  return `${secondText}${String(ms - now * 1000).padStart(3, '0')}Z`;
}
