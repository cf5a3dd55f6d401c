/**
 * Responses of engines: the same result in any pieces and with any remembered head, and what is accepted is the same response for
 * Node's client. The first byte says whether the request was a HEAD.
 */
import assert from 'node:assert/strict';
import { readResponse, readResponseByNode } from '../../helpers/response-readings.ts';
import { type FuzzTarget, numbersOf } from '../target.ts';

const remembered = (body: string) =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nServer: x\r\n\r\n${body}`;
const before = [remembered('{}'), remembered('[]')];

export const engineResponses: FuzzTarget = {
  name: 'engine-responses',
  about: "heads, chunks and bodies of engines, in any pieces, beside Node's client",
  sources: ['src/upstream/'],
  tokens: [
    '\r\n',
    '\r\n\r\n',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0 200\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 x\r\n\r\n',
    '204',
    '304',
    '101',
    'Content-Length: ',
    'Content-Length: 2\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'Keep-Alive: timeout=5\r\n',
    'Content-Type: text/event-stream\r\n',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    'fffffffff',
    ';x=y',
    'identity',
    ', ',
    ' ',
    '\t',
  ],
  seeds: [
    `G${remembered('{"a":1}')}`,
    'GHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0A\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
    'GHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nnothing',
    'HHTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n',
    'GHTTP/1.1 204 No Content\r\n\r\n',
  ],
  async check(input) {
    const isHead = input[0] === 0x48;
    const text = input.toString('latin1', 1);
    const fresh = readResponse(text, [], isHead);
    const random = numbersOf(input);
    const cuts = Array.from({ length: random(6) }, () => random(text.length + 1));
    assert.deepEqual(readResponse(text, cuts, isHead), fresh, 'the cuts change the response');
    const later = readResponse(text, cuts, isHead, before);
    assert.deepEqual(withoutMark(later), withoutMark(fresh), 'a remembered head changes the response');
    if (fresh.verdict !== 'end') return;
    const theirs = await readResponseByNode(text.slice(0, text.length - fresh.rest), isHead);
    const { status, fields, framing, contentLength } = fresh.head ?? {};
    const { length, ...rest } = theirs ?? {};
    assert.deepEqual(
      rest,
      { status, fields, payload: fresh.payload },
      "it is another response for Node's client",
    );
    if (framing === 'length') assert.equal(contentLength, Number(length));
  },
};

function withoutMark<T extends { readonly head: object | undefined }>(reading: T): object {
  return {
    ...reading,
    head: reading.head === undefined ? undefined : { ...reading.head, repeated: undefined },
  };
}
