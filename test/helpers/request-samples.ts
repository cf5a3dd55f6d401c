/** Requests as the recorder and the list of running requests have them, for tests. */
import type { RequestLine } from '../../src/core/proxy/proxy-handle.ts';
import type { RunningRequest } from '../../src/core/proxy/running-request.ts';

export function sampleLine(parts: Partial<RequestLine> = {}): RequestLine {
  return {
    id: 'req_1',
    atMs: 1,
    client: '127.0.0.1',
    method: 'POST',
    path: '/v1/chat/completions',
    status: 200,
    keyId: 'key_1',
    keyLabel: 'laptop',
    engine: 'e0',
    model: 'm',
    bytesIn: 1,
    bytesOut: 2,
    firstByteMs: 3,
    queuedMs: null,
    durationMs: 4,
    inputTokens: 5,
    outputTokens: 6,
    cachedTokens: null,
    promptTokens: null,
    chargedInputTokens: 5,
    chargedOutputTokens: 6,
    tokensEstimated: false,
    streamed: true,
    ending: 'done',
    code: null,
    rule: null,
    droppedCredentials: null,
    ...parts,
  };
}

export function sampleRunning(parts: Partial<RunningRequest> = {}): RunningRequest {
  return {
    id: 'req_2',
    startedAtMs: 1,
    ageMs: 2,
    client: '127.0.0.1',
    keyId: 'key_1',
    keyLabel: 'laptop',
    method: 'POST',
    route: '/v1/chat/completions',
    model: 'm',
    engine: 'e0',
    state: 'processing',
    queuePosition: null,
    firstByteMs: null,
    bytesIn: 4,
    bytesOut: 0,
    streamed: false,
    outputTokens: 0,
    tokensEstimated: false,
    tokensPerSecond: null,
    ...parts,
  };
}
