import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateText } from './status-view.ts';

test('status calls a certificate expired that is', () => {
  const certificate = {
    names: ['llm.example.org'],
    leftOut: [],
    expiresAt: '2026-01-02T00:00:00.000Z',
    fingerprint: 'AA',
  };
  assert.match(
    certificateText({ ...certificate, expired: false }) ?? '',
    /^for llm\.example\.org; until 2026-/,
  );
  assert.match(
    certificateText({ ...certificate, expired: true }) ?? '',
    /^for llm\.example\.org; EXPIRED at 2026-/,
  );
});
