/**
 * Parses the data of an event stream, one event at a time (WHATWG HTML, 9.2.6). Input is UTF-8 that may be split
 * anywhere; lines end in LF, CR or CRLF. Data lines are joined by LF; comments and other fields are skipped. An event
 * without its final empty line is discarded.
 */
import { StringDecoder } from 'node:string_decoder';

const maxEventChars = 16 * 1024 ** 2;

/** Yields the data of each event. Throws if an event has no end. */
export async function* eventData(bytes: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let data: string[] = [];
  for await (const chunk of bytes) {
    rest += decoder.write(chunk);
    let from = 0;
    for (;;) {
      const end = lineEnd(rest, from);
      if (end === undefined) break;
      const line = rest.slice(from, end.at);
      from = end.next;
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
      else if (line === 'data') data.push('');
    }
    rest = rest.slice(from);
    if (rest.length > maxEventChars) throw new Error('an event without end');
  }
  // A CR at the very end is a whole line end.
  if (rest === '\r' && data.length > 0) yield data.join('\n');
}

/** Returns the end of the first line after `from`; undefined if it has not arrived: a CR at the end may be half a CRLF. */
function lineEnd(text: string, from: number): { readonly at: number; readonly next: number } | undefined {
  const lf = text.indexOf('\n', from);
  const cr = text.indexOf('\r', from);
  if (cr === -1 || (lf !== -1 && lf < cr)) return lf === -1 ? undefined : { at: lf, next: lf + 1 };
  if (cr === text.length - 1) return undefined;
  return { at: cr, next: text[cr + 1] === '\n' ? cr + 2 : cr + 1 };
}
