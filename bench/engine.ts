/**
 * An engine with very low CPU cost: `node bench/engine.ts [PORTS] [MODELS]` prints its ports and answers until it is
 * killed. It listens on one port, or on several as if it were several engines, and lists that many models.
 *
 * The request body selects the response: `"stream":true` asks for a stream, `"max_tokens":N` for N events. `"user":"burst"`
 * sends the events of all streams at the same moment, and `"user":"slow"` sends one event a second. Otherwise a stream has
 * 100 events a second, and the events of different streams are spread over the 10 ms between two events of one stream. The
 * first event is sent with the head, immediately. All responses are prepared beforehand. Of a request, only the length and
 * these three members are read, and only in its first 64 KB.
 */
import { createServer, type Server, type Socket } from 'node:net';
import process from 'node:process';

const [ports = 1, models = 1] = process.argv.slice(2).map(Number);

const json = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: 'word '.repeat(50) }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 200, completion_tokens: 50, total_tokens: 250 },
});
const event = `data: ${JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, delta: { content: ' hello' }, logprobs: null, finish_reason: null }],
})}\n\n`.replace('" hello"', '" hello and some more words"');
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const jsonReply = (body: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );

const wholeReply = jsonReply(json);
const names = Array.from({ length: models }, (_, i) => (i === 0 ? 'bench' : `bench-${i}`));
const modelsReply = jsonReply(
  JSON.stringify({ object: 'list', data: names.map((id) => ({ id, object: 'model' })) }),
);
const missing = Buffer.from('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
const streamStart = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${chunk(event)}`,
);
const streamEvent = Buffer.from(chunk(event));
const streamEnd = Buffer.from(`${chunk('data: [DONE]\n\n')}0\r\n\r\n`);

/** Sends an event on each of its streams once in a period. Streams are kept by the millisecond in which they are served. */
class Wheel {
  readonly #phases: Map<Socket, number>[];
  #now = 0;
  #next = 0;

  constructor(periodMs: number) {
    this.#phases = Array.from({ length: periodMs }, () => new Map());
  }

  add(socket: Socket, events: number, together: boolean): void {
    if (!together) this.#next = (this.#next + 1) % this.#phases.length;
    this.#phases[together ? 0 : this.#next]?.set(socket, events);
  }

  tick(): void {
    this.#now = (this.#now + 1) % this.#phases.length;
    const streams = this.#phases[this.#now] as Map<Socket, number>;
    for (const [socket, left] of streams) {
      if (socket.destroyed || left === 0) {
        streams.delete(socket);
        if (left === 0) socket.write(streamEnd);
      } else {
        streams.set(socket, left - 1);
        socket.write(streamEvent);
      }
    }
  }
}

const wheel = new Wheel(10);
const slowWheel = new Wheel(1000);
setInterval(() => {
  wheel.tick();
  slowWheel.tick();
}, 1);

function answer(socket: Socket, head: string, body: string): void {
  if (head.startsWith('GET ')) {
    socket.write(/^GET \S*\/models /.test(head) ? modelsReply : missing);
    return;
  }
  if (!/"stream": ?true/.test(body)) {
    socket.write(wholeReply);
    return;
  }
  const events = Number(/"max_tokens": ?(\d+)/.exec(body)?.[1] ?? 1);
  const shape = /"user": ?"(\w+)"/.exec(body)?.[1];
  socket.write(streamStart);
  if (shape === 'slow') slowWheel.add(socket, events - 1, false);
  else wheel.add(socket, events - 1, shape === 'burst');
}

const kept = 65_536;

function serve(socket: Socket): void {
  let waiting = '';
  /** Bytes of the current body that are not looked at, and what is answered after them. */
  let skipped = 0;
  let afterwards = (): void => {};
  socket.on('error', () => {});
  socket.on('data', (bytes: Buffer) => {
    let start = 0;
    if (skipped > 0) {
      start = Math.min(skipped, bytes.length);
      skipped -= start;
      if (skipped > 0) return;
      afterwards();
    }
    let text = waiting + bytes.toString('latin1', start);
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) break;
      const head = text.slice(0, end);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      const missingBytes = end + 4 + length - text.length;
      if (missingBytes > 0) {
        if (text.length < kept) break;
        const body = text.slice(end + 4);
        afterwards = () => answer(socket, head, body);
        skipped = missingBytes;
        text = '';
        break;
      }
      answer(socket, head, text.slice(end + 4, end + 4 + length));
      text = text.slice(end + 4 + length);
    }
    waiting = text;
  });
}

async function listen(): Promise<number> {
  const server: Server = createServer({ noDelay: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

const open: number[] = [];
for (let i = 0; i < ports; i++) open.push(await listen());
process.stdout.write(`${open.join(' ')}\n`);
