import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { eventually } from './eventually.ts';
import { type FaultLink, startFaultLink } from './fault-link.ts';
import { assertNoLeaks, type Stock, takeStock } from './leaks.ts';

describe('fault link', () => {
  let stock: Stock;
  let link: FaultLink;
  /** What the echo server got. */
  let received = '';
  const opened = new Set<Socket>();
  const server = createServer((socket) => {
    opened.add(socket.on('error', () => {}));
    socket.on('data', (chunk) => {
      received += chunk.toString();
      socket.write(chunk);
    });
  });

  before(async () => {
    stock = takeStock();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    link = await startFaultLink(address.port);
  });
  beforeEach(() => {
    link.pass();
    received = '';
  });
  after(async () => {
    for (const socket of opened) socket.destroy();
    await link.close();
    await once(server.close(), 'close');
    await assertNoLeaks(stock);
  });

  const dial = async (): Promise<Socket> => {
    const socket = connect({ port: link.port, host: '127.0.0.1' }).on('error', () => {});
    opened.add(socket);
    await once(socket, 'connect');
    return socket;
  };
  const reply = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]);
  const ending = (socket: Socket): Promise<string | undefined> =>
    new Promise((resolve) => {
      socket.on('close', () => resolve(errorCode(socket)));
    });

  test('a link without a fault passes bytes and ends', async () => {
    const socket = await dial();
    socket.write('a');
    assert.equal(await reply(socket), 'a');
    const closed = ending(socket);
    socket.end();
    assert.equal(await closed, undefined);
    await eventually(
      () => link.openConnections,
      (open) => open === 0,
    );
  });

  test('delayed pieces arrive later and in their order, the end as well', async () => {
    link.delay(30);
    const socket = await dial();
    const startedMs = performance.now();
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    for (let i = 0; i < 50; i++) socket.write(String(i % 10));
    socket.end();
    await once(socket, 'close');
    assert.equal(text, '0123456789'.repeat(5));
    assert.ok(performance.now() - startedMs >= 60, 'both directions are delayed');
  });

  test('a black hole loses bytes, keeps connections open, and resets those when it ends', async () => {
    const used = await dial();
    used.write('a');
    assert.equal(await reply(used), 'a');
    const quiet = await dial();
    link.blackhole();
    const late = await dial();
    used.write('b');
    late.write('c');
    const ends = Promise.all([ending(used), ending(late)]);
    await eventually(
      () => link.lostConnections,
      (lost) => lost === 2,
    );
    link.pass();
    assert.deepEqual(await ends, ['ECONNRESET', 'ECONNRESET']);
    assert.equal(received, 'a');
    quiet.write('d');
    assert.equal(await reply(quiet), 'd');
    quiet.destroy();
  });

  test('lost replies: the target has the request, and the client never hears of it', async () => {
    const socket = await dial();
    link.dropReplies();
    socket.write('commit');
    await eventually(
      () => received,
      (text) => text === 'commit',
    );
    const closed = ending(socket);
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString();
    });
    await eventually(
      () => link.lostConnections,
      (lost) => lost > 0,
    );
    link.pass();
    assert.equal(await closed, 'ECONNRESET');
    assert.equal(heard, '');
  });

  test('a reset ends open connections once; a refusal also ends new ones', async () => {
    const open = await dial();
    open.write('a');
    await reply(open);
    const closed = ending(open);
    link.reset();
    assert.equal(await closed, 'ECONNRESET');
    const next = await dial();
    next.write('b');
    assert.equal(await reply(next), 'b');
    const refused = ending(next);
    link.refuse();
    assert.equal(await refused, 'ECONNRESET');
    const more = connect({ port: link.port, host: '127.0.0.1' }).on('error', () => {});
    assert.equal(await ending(more), 'ECONNRESET');
  });

  test('a target that is away resets the client', async () => {
    const away = createServer();
    await once(away.listen(0, '127.0.0.1'), 'listening');
    const address = away.address();
    assert.ok(address !== null && typeof address === 'object');
    await once(away.close(), 'close');
    const lone = await startFaultLink(address.port);
    const socket = connect({ port: lone.port, host: '127.0.0.1' }).on('error', () => {});
    assert.equal(await ending(socket), 'ECONNRESET');
    await lone.close();
  });
});

function errorCode(socket: Socket): string | undefined {
  const failure: NodeJS.ErrnoException | null = socket.errored;
  return failure?.code;
}
