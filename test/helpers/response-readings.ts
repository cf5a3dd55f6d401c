/** Reads the responses of an engine with flm's parser and with Node's client, for comparisons. */
import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import type { ChunkMap, EngineHead } from '../../src/core/engine/upstream.ts';
import { makeChunkMap } from '../../src/upstream/chunk-reader.ts';
import { ResponseParser } from '../../src/upstream/response-parser.ts';

export interface Reading {
  readonly head: EngineHead | undefined;
  readonly payload: string;
  readonly verdict: string;
  readonly rest: number;
  readonly persistent: boolean;
}

/**
 * Parses bytes that arrive in these pieces, followed by the end of the connection. The connection carried the responses
 * `before` earlier.
 */
export function readResponse(
  text: string,
  pieces: readonly number[],
  head: boolean,
  before: readonly string[] = [],
): Reading {
  let engineHead: EngineHead | undefined;
  let body = '';
  const parser = new ResponseParser(
    {
      onHead: (h) => {
        engineHead = h;
        return true;
      },
      onData: (buffer, from, to) => {
        body += buffer.toString('latin1', from, to);
        return true;
      },
      onFramed: (buffer: Buffer, _from: number, _to: number, map: ChunkMap) => {
        for (let i = 0; i < map.count; i++) body += buffer.toString('latin1', map.starts[i], map.ends[i]);
        return true;
      },
    },
    makeChunkMap(),
  );
  for (const earlier of before) {
    parser.reset(false);
    parser.feed(Buffer.from(earlier, 'latin1'), 0, earlier.length);
    assert(parser.done && parser.persistent, 'the connection can carry another response');
  }
  engineHead = undefined;
  body = '';
  parser.reset(head);
  const bytes = Buffer.from(text, 'latin1');
  const borders = [...new Set(pieces.map((p) => p % (bytes.length + 1))), bytes.length].sort((a, b) => a - b);
  let at = 0;
  for (const border of borders) {
    if (parser.done || parser.fault !== undefined) break;
    // A buffer that is not zeroed and not aligned, as shared ones are.
    const shared = Buffer.alloc(border - at + 14, 'Z');
    bytes.copy(shared, 7, at, border);
    at += parser.feed(shared, 7, 7 + border - at) - 7;
  }
  const ended = parser.done || (parser.fault === undefined && parser.endsByClose);
  return {
    head: engineHead,
    payload: body,
    // Which of several faults is found first may depend on the cut; whether there is a fault may not.
    verdict: parser.fault !== undefined ? 'fault' : ended ? 'end' : 'cut',
    rest: ended ? bytes.length - at : 0,
    persistent: parser.persistent,
  };
}

export interface NodeReading {
  readonly status: number;
  /** Without `content-length`. */
  readonly fields: readonly string[];
  /** The value of `content-length`. */
  readonly length: string | undefined;
  readonly payload: string;
}

/** Parses the same bytes with Node's client; undefined if it refuses them or finds them incomplete. */
export function readResponseByNode(text: string, head: boolean): Promise<NodeReading | undefined> {
  const connection = new Duplex({
    read() {},
    write: (_bytes, _encoding, done) => done(),
  });
  return new Promise((resolve) => {
    const asked = request({ method: head ? 'HEAD' : 'GET', host: 'x', createConnection: () => connection });
    const settle = (reading: NodeReading | undefined): void => {
      connection.destroy();
      asked.destroy();
      resolve(reading);
    };
    asked.on('error', () => settle(undefined));
    asked.on('upgrade', () => settle(undefined));
    let answered = false;
    asked.on('close', () => {
      if (!answered) settle(undefined);
    });
    asked.on('response', (answer: IncomingMessage) => {
      answered = true;
      let body = '';
      answer.setEncoding('latin1');
      answer.on('data', (more: string) => {
        body += more;
      });
      answer.on('error', () => settle(undefined));
      answer.on('close', () => settle(undefined));
      answer.on('end', () => {
        const fields: string[] = [];
        for (let i = 0; i < answer.rawHeaders.length; i += 2) {
          const name = answer.rawHeaders[i]?.toLowerCase() ?? '';
          if (name !== 'content-length') fields.push(name, answer.rawHeaders[i + 1] ?? '');
        }
        const { statusCode = 0, headers } = answer;
        const reading = { status: statusCode, fields, length: headers['content-length'], payload: body };
        settle(answer.complete ? reading : undefined);
      });
    });
    asked.end();
    connection.push(Buffer.from(text, 'latin1'));
    connection.push(null);
  });
}
