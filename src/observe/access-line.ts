/**
 * Writes the access line of a request as JSON, by hand: a general serializer takes three times as long, and every
 * request writes this line. A test compares the result with JSON.stringify.
 */
import { oneLine } from '../core/one-line.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';

/** Characters that need no escape in a JSON string. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** Includes the newline. `time` is ISO 8601 and comes from `atMs` of the line. */
export function accessLine(line: RequestLine): string {
  return (
    `{"level":"info","time":"${isoTime(line.atMs)}","id":${text(line.id)},"atMs":${line.atMs}` +
    `,"client":${text(line.client)},"method":${text(line.method)},"path":${text(line.path)},"status":${line.status}` +
    `,"keyId":${text(line.keyId)},"keyLabel":${text(line.keyLabel)},"engine":${text(line.engine)}` +
    `,"model":${text(line.model)},"bytesIn":${line.bytesIn},"bytesOut":${line.bytesOut}` +
    `,"firstByteMs":${line.firstByteMs},"queuedMs":${line.queuedMs},"durationMs":${line.durationMs}` +
    `,"inputTokens":${line.inputTokens},"outputTokens":${line.outputTokens}` +
    `,"cachedTokens":${line.cachedTokens},"promptTokens":${line.promptTokens}` +
    `,"chargedInputTokens":${line.chargedInputTokens},"chargedOutputTokens":${line.chargedOutputTokens}` +
    `,"tokensEstimated":${line.tokensEstimated},"streamed":${line.streamed}` +
    `,"ending":"${line.ending}","code":${text(line.code)},"rule":${text(line.rule)}` +
    `,"droppedCredentials":${text(line.droppedCredentials)},"msg":"request"}\n`
  );
}

function text(value: string | null): string {
  if (value === null) return 'null';
  return plain.test(value) ? `"${value}"` : oneLine(JSON.stringify(value));
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
