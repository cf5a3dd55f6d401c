/** Answers of engines, read and made comparable. */
import assert from 'node:assert/strict';
import type { WireResponse } from '../helpers/test-gateway.ts';

/** Compared as bytes, shown as text. */
export function assertSameBytes(got: Buffer, wanted: Buffer | undefined): void {
  if (wanted !== undefined && got.equals(wanted)) return;
  assert.equal(got.toString('latin1'), wanted?.toString('latin1'));
}

export function jsonOf<T = Readonly<Record<string, unknown>>>(response: WireResponse): T {
  return JSON.parse(response.body.toString()) as T;
}

/** The data of each SSE event, or each line of NDJSON, parsed; `[DONE]` as it is. */
export function eventsOf(response: WireResponse): readonly unknown[] {
  const lines = response.body.toString().split('\n');
  const isSse = response.field('content-type')?.startsWith('text/event-stream') === true;
  const texts = isSse
    ? lines.filter((l) => l.startsWith('data: ')).map((l) => l.slice(6))
    : lines.filter((l) => l !== '');
  return texts.map((text) => (text === '[DONE]' ? text : (JSON.parse(text) as unknown)));
}

/** What differs between two answers of the same engine to the same question: ids, times and timings. */
const passingNames =
  /^(id|item_id|response_id|created|created_at|completed_at|timings|.*_duration|.*_ms|request_id)$/;

/** A parsed answer without what differs each time. */
export function lasting(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lasting);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !passingNames.test(name))
      .map(([name, inner]) => [name, lasting(inner)]),
  );
}
