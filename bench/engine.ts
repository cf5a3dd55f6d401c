/**
 * An engine with very low CPU cost: `node bench/engine.ts` prints its port and answers until it is killed.
 *
 * The request body selects the response: `"stream":true` asks for a stream, `"max_tokens":N` for N events, and
 * `"user":"burst"` for events that are sent on all streams at the same moment. Otherwise the events of different
 * streams are spread over the 10 ms between two events of one stream. The first event is sent with the head,
 * immediately. All responses are prepared beforehand. Of a request, only the length and these three members are read.
 */
import { createServer, type Socket } from 'node:net';
import process from 'node:process';

/** Milliseconds between two events of one stream: 100 tokens a second. */
const eventEveryMs = 10;

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

const wholeReply = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
);
const modelsBody = JSON.stringify({ object: 'list', data: [{ id: 'bench', object: 'model' }] });
const modelsReply = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${modelsBody.length}\r\n\r\n${modelsBody}`,
);
const missing = Buffer.from('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
const streamStart = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n${chunk(event)}`,
);
const streamEvent = Buffer.from(chunk(event));
const streamEnd = Buffer.from(`${chunk('data: [DONE]\n\n')}0\r\n\r\n`);

/** Streams by the millisecond of the period in which their events are sent. */
const phases: Map<Socket, number>[] = Array.from({ length: eventEveryMs }, () => new Map());
let nextPhase = 0;

let now = 0;
setInterval(() => {
  now = (now + 1) % eventEveryMs;
  const streams = phases[now] as Map<Socket, number>;
  for (const [socket, left] of streams) {
    if (socket.destroyed || left === 0) {
      streams.delete(socket);
      if (left === 0) socket.write(streamEnd);
    } else {
      streams.set(socket, left - 1);
      socket.write(streamEvent);
    }
  }
}, 1);

function answer(socket: Socket, head: string, body: string): void {
  if (head.startsWith('GET ')) {
    socket.write(head.startsWith('GET /v1/models ') ? modelsReply : missing);
    return;
  }
  if (!body.includes('"stream":true')) {
    socket.write(wholeReply);
    return;
  }
  const events = Number(/"max_tokens":(\d+)/.exec(body)?.[1] ?? 1);
  socket.write(streamStart);
  if (!body.includes('"user":"burst"')) nextPhase = (nextPhase + 1) % eventEveryMs;
  const phase = body.includes('"user":"burst"') ? 0 : nextPhase;
  phases[phase]?.set(socket, events - 1);
}

const server = createServer({ noDelay: true }, (socket) => {
  let waiting = '';
  socket.on('error', () => {});
  socket.on('data', (bytes: Buffer) => {
    let text = waiting + bytes.toString('latin1');
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) break;
      const head = text.slice(0, end);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (text.length < end + 4 + length) break;
      answer(socket, head, text.slice(end + 4, end + 4 + length));
      text = text.slice(end + 4 + length);
    }
    waiting = text;
  });
});
server.listen(0, '127.0.0.1', 1024, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`${address.port}\n`);
});
