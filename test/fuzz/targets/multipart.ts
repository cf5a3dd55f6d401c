/** Forms: the content type in the first line, the body after it. What is accepted has the same fields for Node's reader. */
import assert from 'node:assert/strict';
import type { BodyFacts } from '../../../src/core/engine/routes.ts';
import { MultipartScanner } from '../../../src/gateway/body/multipart.ts';
import { type FuzzTarget, piecesOf } from '../target.ts';

function scan(contentType: string, pieces: readonly Buffer[]): BodyFacts | string {
  const scanner = MultipartScanner.open(contentType, ['language', 'n']);
  if ('reason' in scanner) return scanner.reason;
  for (const piece of pieces) {
    const fault = scanner.write(piece, 0, piece.length);
    if (fault !== undefined) return fault.reason;
  }
  return scanner.end()?.reason ?? scanner.facts();
}

const type = 'multipart/form-data; boundary=B\n';
const field = (name: string, value: string) =>
  `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

export const multipart: FuzzTarget = {
  name: 'multipart',
  about: 'forms, in any pieces, beside the form reader of Node',
  sources: ['src/gateway/body/multipart.ts', 'src/gateway/body/multipart-head.ts'],
  tokens: [
    '--B',
    '--B--',
    '\r\n--B\r\n',
    '\r\n--B--\r\n',
    '\r\n\r\n',
    '\r\n',
    '\n',
    'Content-Disposition: form-data; name="model"',
    'Content-Disposition: form-data; name="file"; filename="a"',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    'name=',
    'model',
    'stream',
    'language',
    "filename*=UTF-8''a",
    '"',
    '\\"',
    ';',
    'boundary="B"',
    '; charset=utf-8',
    'true',
  ],
  seeds: [
    `${type}${field('model', 'whisper')}${field('n', '2')}--B--\r\n`,
    `${type}${field('file', 'RIFF')}${field('stream', 'true')}${field('language', 'de')}--B--\r\n`,
    `${type}--B\r\nContent-Disposition: form-data; name="file"; filename="t.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--\r\n${field('model', 'm').slice(0)}--B--`,
    `multipart/form-data; boundary="a b"\n--a b\r\nContent-Disposition: form-data; name=model\r\n\r\nx\r\n--a b--\r\n`,
  ],
  async check(input) {
    const border = input.indexOf(0x0a);
    const contentType = input.toString('latin1', 0, border < 0 ? input.length : border);
    const body = border < 0 ? Buffer.alloc(0) : Buffer.from(input.subarray(border + 1));
    const facts = scan(contentType, [Buffer.from(body)]);
    const cut = scan(contentType, piecesOf(body));
    assert.equal(typeof cut, typeof facts, 'the cuts decide whether a form is accepted');
    if (typeof facts === 'string') return;
    assert.deepEqual(cut, facts, 'the cuts decide what is read');
    let form: FormData;
    try {
      form = await new Response(body, { headers: { 'content-type': contentType } }).formData();
    } catch {
      // Node refuses some forms that every other reader takes, such as those without the last CRLF.
      return;
    }
    const models = form.getAll('model');
    if (facts.model !== undefined) assert.deepEqual(models, [facts.model]);
    else
      assert(
        models.every((model) => typeof model !== 'string'),
        'a model was not seen',
      );
    const language = facts.values.get('language');
    // A long value is reported as this text.
    if (language !== undefined && !language.includes('"..."'))
      // A number is reported as a number.
      assert.deepEqual(
        form.getAll('language').map((text, n) => (text === language[n] ? text : JSON.stringify(text))),
        language,
      );
  },
};
