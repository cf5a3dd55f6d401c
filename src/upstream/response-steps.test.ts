/** Parsing a response costs steps in proportion to its size, however it is cut into reads. */
import { test } from 'node:test';
import { assertLinear } from '../../test/helpers/count-steps.ts';
import { makeChunkMap } from './chunk-reader.ts';
import { ResponseParser } from './response-parser.ts';

const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

/** Builds a costly response of at least this size, from a repeated part. */
const answers: Readonly<Record<string, (size: number) => string>> = {
  'chunks of one byte': (size) => chunked + '1\r\nx\r\n'.repeat(size / 6),
  'one large chunk': (size) => `${chunked}${size.toString(16)}\r\n${'x'.repeat(size)}\r\n0\r\n\r\n`,
  'chunk sizes with zeros': (size) => chunked + '00000001\r\nx\r\n'.repeat(size / 13),
  'a head of one long line': (size) => `HTTP/1.1 200 OK\r\na: ${'x'.repeat(size)}`,
  'a head of blanks': (size) => `HTTP/1.1 200 OK\r\na:${' '.repeat(size)}\r\n\r\n`,
  'many fields': (size) => `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(size / 6)}\r\n`,
  'a list of options': (size) => `HTTP/1.1 200 OK\r\nconnection: ${'a,'.repeat(size / 2)}\r\n\r\n`,
  'a persistence that does not end': (size) =>
    `HTTP/1.1 200 OK\r\nkeep-alive: ${'timeout=1'.repeat(size / 9)}\r\ncontent-length: 0\r\n\r\n`,
  'interim answers': (size) => 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(size / 25),
  trailers: (size) => `${chunked}0\r\n${'a: b\r\n'.repeat(size / 6)}`,
  'a body until the end of the connection': (size) => `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(size)}`,
};

test('an answer is read in proportion to its size, however it is cut', () => {
  for (const [name, make] of Object.entries(answers)) {
    for (const read of [1, 7, 65_536]) {
      assertLinear(
        `${name}, in reads of ${read}`,
        (size) => {
          const bytes = Buffer.from(make(size), 'latin1');
          const taken = () => true;
          const parser = new ResponseParser(
            { onHead: taken, onData: taken, onFramed: taken },
            makeChunkMap(),
          );
          parser.reset(false);
          return () => {
            for (let at = 0; at < bytes.length && parser.fault === undefined; at += read)
              parser.feed(bytes, at, Math.min(bytes.length, at + read));
          };
        },
        { sizes: [12_000, 100_000], fixed: 10_000, perUnit: 30 + 30 / read },
      );
    }
  }
});
