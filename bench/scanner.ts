/**
 * Measures the cost of scanning bodies and events, compared with JSON.parse of the same bytes: `node bench/scanner.ts
 * [--quick]`. Times are the best of several rounds, because other programs can only increase them. `--quick` only shows
 * that the benchmark runs.
 */
import process from 'node:process';
import { JsonScanner } from '../src/gateway/body/json-scanner.ts';
import { MultipartScanner } from '../src/gateway/body/multipart.ts';
import { scanPlan } from '../src/gateway/body/scan-plan.ts';
import { StreamReader } from '../src/gateway/relay/stream-reader.ts';
import { bodyUsage } from '../src/gateway/relay/token-counts.ts';
import { routes } from '../src/gateway/routes.ts';

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 7;
const plan = scanPlan(routes.find((route) => route.id === 'chat.completions')?.scan ?? []);

function bestUs(times: number, run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const began = process.hrtime.bigint();
    for (let i = 0; i < times; i++) run();
    best = Math.min(best, Number(process.hrtime.bigint() - began) / 1000 / times);
  }
  return best;
}

function scan(body: Buffer, pieceBytes: number): void {
  const scanner = new JsonScanner(plan);
  for (let at = 0; at < body.length; at += pieceBytes) {
    const fault = scanner.write(body, at, Math.min(body.length, at + pieceBytes));
    if (fault !== undefined) throw new Error(fault.reason);
  }
  const fault = scanner.end();
  if (fault !== undefined) throw new Error(fault.reason);
  scanner.facts();
}

const megabytes = quick ? 0.1 : 1;
const repeat = (text: string, bytes: number) => text.repeat(Math.ceil((bytes * megabytes) / text.length));
const request = (content: string) => ({
  model: 'llama3.2:3b',
  messages: [{ role: 'user', content }],
  stream: true,
  max_tokens: 256,
});

const bodies: readonly (readonly [name: string, body: string, times: number])[] = [
  ['chat request, 1 KB', JSON.stringify(request('Tell me a tale. '.repeat(57))), 100_000],
  [
    'chat request, 100 KB of code',
    JSON.stringify(request('  if (a !== "b") {\n    return c;\n  }\n'.repeat(2700))),
    500,
  ],
  ['20 MB of \\"', `{"model":"m","x":"${repeat('\\"', 20e6)}"}`, 1],
  ['20 MB image in base64', `{"model":"m","x":"${repeat('iVBORw0KGgoAAAANSUhE', 20e6)}"}`, 1],
  ['20 MB of Chinese', `{"model":"m","x":"${repeat('\u4f60\u597d', 20e6 / 3)}"}`, 1],
  ['7 MB of tiny tokens', `{"model":"m","x":[${repeat('[1,{"a":2}],', 7e6)}0]}`, 1],
];

console.log(`Node ${process.version}, microseconds, best of ${rounds}`);
console.log('body                           scanner  in 64 KB pieces   JSON.parse');
for (const [name, text, times] of bodies) {
  const body = Buffer.from(text);
  const runs = quick ? 1 : times;
  const whole = bestUs(runs, () => scan(body, body.length));
  const pieces = bestUs(runs, () => scan(body, 65_536));
  const parsed = bestUs(runs, () => void JSON.parse(body.toString()));
  console.log(
    name.padEnd(28),
    ...[whole, pieces, parsed].map((us) => us.toFixed(us < 100 ? 2 : 0).padStart(12)),
  );
}

const head =
  '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n';
const upload = Buffer.concat([
  Buffer.from(head, 'latin1'),
  Buffer.from(repeat('RIFF\0\x10-\r\x7f', 20e6)),
  Buffer.from('\r\n--b--'),
]);
const formUs = bestUs(1, () => {
  const scanner = MultipartScanner.open('multipart/form-data; boundary=b', []);
  if ('reason' in scanner) throw new Error(scanner.reason);
  const fault = scanner.write(upload, 0, upload.length) ?? scanner.end();
  if (fault !== undefined) throw new Error(fault.reason);
});
console.log('20 MB form'.padEnd(28), formUs.toFixed(0).padStart(12));

const openai = {
  id: 'chatcmpl-123',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta: { content: ' hello' }, logprobs: null, finish_reason: null }],
};
const anthropic = {
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: ' hello there' },
};
const ollama = {
  model: 'm',
  created_at: '2026-01-01T00:00:00.000Z',
  message: { role: 'assistant', content: ' hello' },
  done: false,
};
const events = [
  ['OpenAI event', 'openai', 'sse', `data: ${JSON.stringify(openai)}\n\n`],
  [
    'Anthropic event',
    'anthropic',
    'sse',
    `event: content_block_delta\ndata: ${JSON.stringify(anthropic)}\n\n`,
  ],
  ['Ollama line', 'ollama', 'ndjson', `${JSON.stringify(ollama)}\n`],
] as const;
for (const [name, end, framing, text] of events) {
  // As in the relay: one event in a read buffer of 64 KB.
  const buffer = Buffer.alloc(65_536, text);
  const reader = new StreamReader(end, framing);
  const us = bestUs(quick ? 1 : 300_000, () => reader.events(buffer, 0, text.length));
  console.log(name.padEnd(28), us.toFixed(2).padStart(12));
}
const answer = Buffer.from(
  JSON.stringify({ ...openai, usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 } }),
);
console.log(
  'usage of a whole answer'.padEnd(28),
  bestUs(quick ? 1 : 300_000, () => void bodyUsage(answer))
    .toFixed(2)
    .padStart(12),
);
