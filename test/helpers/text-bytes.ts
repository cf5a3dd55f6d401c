import { TextByteCounter } from '../../src/gateway/text-byte-counter.ts';

/** Returns the bytes of a body, given in pieces, without its data. */
export function textBytesOf(body: readonly Buffer[]): number {
  const meter = new TextByteCounter();
  for (let i = 0; i < body.length; i++) {
    const piece = body[i] as Buffer;
    meter.add(piece, 0, piece.length, i + 1 === body.length);
  }
  return meter.textBytes;
}
