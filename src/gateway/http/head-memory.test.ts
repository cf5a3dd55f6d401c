import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeaderTable, plainTable } from '../request-headers.ts';
import { type Route, routes } from '../routes.ts';
import { type FastPathHead, readFastPathHead } from './fast-path-head.ts';
import { HeadMemory } from './head-memory.ts';

const maxBytes = 16 * 1024;
const route = routes.find(({ id }) => id === 'chat.completions') as Route;
const secret = 'flm_a-token-that-nobody-keeps';
const fieldLines =
  `Host: localhost\r\nAuthorization: Bearer ${secret}\r\nContent-Type: application/json\r\n` +
  'X-Stainless-Lang: js\r\n';
const post = (length: string, more = ''): string =>
  `POST /v1/chat/completions HTTP/1.1\r\n${fieldLines}${more}Content-Length: ${length}\r\nAccept: */*\r\n\r\n`;
const get = (target: string): string => `GET ${target} HTTP/1.1\r\n${fieldLines}\r\n`;

/** Reads heads as the parser does. All steps accept each head. */
class Reader {
  readonly memory = new HeadMemory();
  recalled = false;
  readonly #table: HeaderTable;

  constructor(table = plainTable) {
    this.#table = table;
  }

  read(text: string, from = 0): FastPathHead | undefined {
    const bytes = Buffer.from(text, 'latin1');
    const known = this.memory.recall(bytes, from, maxBytes);
    this.recalled = known !== undefined;
    if (known !== undefined) return known;
    const parsed = readFastPathHead(bytes, from, maxBytes, this.#table);
    if (parsed === undefined) return undefined;
    const read = this.memory.note(bytes, from, parsed);
    if (read.head.findings !== undefined) read.head.findings.route = route;
    return read;
  }

  /** Twice, so that the head is remembered. */
  static after(text: string, table?: HeaderTable): Reader {
    const reader = new Reader(table);
    reader.read(text);
    reader.read(text);
    return reader;
  }
}

describe('a head that comes again', () => {
  test('is remembered from the second time on, and then not parsed', () => {
    const reader = new Reader();
    const recalled = [1, 2, 3, 4].map(() => {
      reader.read(post('12'));
      return reader.recalled;
    });
    assert.deepEqual(recalled, [false, false, true, true]);
  });

  test('has its own length each time, with any number of digits', () => {
    const reader = Reader.after(post('12'));
    for (const length of ['12', '7', '99', '100', '007', '999999999999999', '0']) {
      const bytes = `junk${post(length)}body`;
      const read = reader.read(bytes, 4);
      assert.equal(reader.recalled, true, length);
      assert.equal(read?.declaredBytes, Number(length));
      assert.equal(bytes.slice(read?.end), 'body');
    }
  });

  test('has the fields that the steps after authentication need', () => {
    const parsed = new Reader().read(post('12', 'OpenAI-Organization: org\r\n'))?.head;
    const reader = Reader.after(post('12', 'OpenAI-Organization: org\r\n'));
    const head = reader.read(post('13', 'OpenAI-Organization: org\r\n'))?.head;
    assert.equal(reader.recalled, true);
    assert.equal(head?.method, 'POST');
    assert.equal(head?.target, '/v1/chat/completions');
    assert.equal(head?.version, '1.1');
    assert.equal(head?.fields.count, parsed?.fields.count);
    for (const name of ['host', 'content-type', 'accept', 'openai-organization'] as const)
      assert.equal(head?.fields.get(name), parsed?.fields.get(name), name);
    assert.equal(head?.fields.passingLines(), parsed?.fields.passingLines());
  });

  test('has its query each time', () => {
    const target = '/v1/responses/resp_1?after=a';
    const reader = Reader.after(get(target));
    const read = reader.read(get(target));
    assert.equal(reader.recalled, true);
    assert.equal(read?.head.method, 'GET');
    assert.equal(read?.head.target, target);
    assert.equal(read?.declaredBytes, undefined);
  });

  test('is not used when a step refused the request that it was remembered from', () => {
    const reader = new Reader();
    for (let i = 0; i < 5; i++) {
      const read = reader.read(post('12'));
      if (read?.head.findings !== undefined) read.head.findings.route = undefined;
      assert.equal(reader.recalled, false);
    }
  });
});

describe('another head', () => {
  test('is parsed, whichever byte differs', () => {
    const head = post('12');
    const digits = head.indexOf('12\r\n');
    for (let at = 0; at < head.length; at++) {
      if (at === digits || at === digits + 1) continue;
      for (const other of ['\0', ' ', 'x', 'X', '1', '\r', '\n', ':', '\xe4']) {
        if (head[at] === other) continue;
        const reader = Reader.after(head);
        const changed = head.slice(0, at) + other + head.slice(at + 1);
        const read = reader.read(changed);
        assert.equal(reader.recalled, false, `${JSON.stringify(other)} at ${at}`);
        const alone = new Reader().read(changed);
        assert.equal(read?.head.target, alone?.head.target);
        assert.equal(read?.end, alone?.end);
      }
    }
  });

  test('is parsed where a byte is missing, or one more is there', () => {
    const head = post('12');
    const digits = head.indexOf('12\r\n');
    // Behind the last byte begins the body.
    for (let at = 0; at < head.length - 1; at++) {
      // One digit less or more is another length of the same head.
      if (at >= digits && at <= digits + 2) continue;
      for (const changed of [
        head.slice(0, at) + head.slice(at + 1),
        head.slice(0, at) + head[at] + head.slice(at),
      ]) {
        const reader = Reader.after(head);
        reader.read(changed);
        assert.equal(reader.recalled, false, `at ${at}`);
      }
    }
  });

  test('is one whose length is not only digits, is missing, or has more digits than a number holds', () => {
    for (const length of ['', '1x', 'x1', '+1', '-1', '1,1', '1 1', '0x1', '1\r\nX: 1', '1'.repeat(16)]) {
      const reader = Reader.after(post('12'));
      reader.read(post(length));
      assert.equal(reader.recalled, false, length);
    }
  });

  test('is one that is not complete, or longer than heads may be', () => {
    const head = post('12');
    for (let to = 0; to < head.length; to++) {
      const reader = Reader.after(head);
      assert.equal(reader.read(head.slice(0, to)), undefined);
    }
    const { memory } = Reader.after(head);
    assert.equal(memory.recall(Buffer.from(head), 0, head.length - 1), undefined);
  });

  test('replaces the remembered one', () => {
    const reader = Reader.after(post('12'));
    reader.read(post('12').replace('localhost', '127.0.0.1'));
    reader.read(post('12'));
    assert.equal(reader.recalled, false);
  });

  test('is never remembered if the client closes the connection after it', () => {
    const reader = Reader.after(post('12', 'Connection: close\r\n'));
    assert.equal(reader.memory.isEmpty, true);
  });

  test('is never remembered if it is very long', () => {
    assert.equal(Reader.after(post('12', `X: ${'y'.repeat(4_000)}\r\n`)).memory.isEmpty, true);
    assert.equal(Reader.after(post('12', `X: ${'y'.repeat(3_000)}\r\n`)).memory.isEmpty, false);
  });

  test('is never remembered if it has a field that the operator added', () => {
    const table = new HeaderTable(['x-engine-token']);
    assert.equal(Reader.after(post('12', 'X-Engine-Token: t\r\n'), table).memory.isEmpty, true);
    assert.equal(Reader.after(post('12'), table).memory.isEmpty, false);
  });
});

test('a connection whose heads all differ computes three digests and no more', () => {
  const reader = new Reader();
  for (let i = 0; i < 10; i++) {
    reader.read(post('12', `Traceparent: ${i}\r\n`));
    assert.equal(reader.memory.isEmpty, i === 0 || i > 3, `request ${i}`);
  }
});

describe('nothing of a credential is kept', () => {
  // test/e2e/memory.test.ts looks for credentials in the memory of a process.
  test('in clear, while a head is remembered', () => {
    const more = `Cookie: ${secret}\r\nX-Api-Key: ${secret}\r\nApi-Key: ${secret}\r\n`;
    const reader = Reader.after(post('12', more));
    assert.equal(reader.memory.isEmpty, false);
    const { fields } = reader.read(post('12', more))?.head ?? {};
    assert.equal(reader.recalled, true);
    for (const name of ['authorization', 'x-api-key', 'api-key', 'content-length'] as const)
      assert.equal(fields?.get(name), undefined);
    assert.ok(!fields?.passingLines().includes(secret));
  });

  test('at all, after five seconds in which no request used the head', () => {
    const reader = Reader.after(post('12'));
    for (let second = 1; second < 5; second++) {
      reader.memory.tick();
      assert.equal(reader.memory.isEmpty, false);
    }
    reader.read(post('12'));
    for (let second = 1; second < 5; second++) reader.memory.tick();
    assert.equal(reader.memory.isEmpty, false);
    reader.memory.tick();
    assert.equal(reader.memory.isEmpty, true);
    reader.read(post('12'));
    assert.equal(reader.recalled, false);
  });
});
