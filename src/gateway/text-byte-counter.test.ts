import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertLinear } from '../../test/helpers/count-steps.ts';
import { textBytesOf } from '../../test/helpers/text-bytes.ts';
import { TextByteCounter } from './text-byte-counter.ts';

const base64 = Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 251)).toString('base64');
const prose = 'The quick brown fox jumps over the lazy dog. '.repeat(800);

/** Text bytes of a body that is cut into pieces of so many bytes. */
function textBytes(body: unknown, size = 1e9): number {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return textBytesOf(pieces);
}

/** The forms in which the APIs carry data. */
const forms: Readonly<Record<string, (data: string) => unknown>> = {
  'OpenAI image': (data) => [{ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } }],
  'OpenAI sound': (data) => [{ type: 'input_audio', input_audio: { data, format: 'wav' } }],
  'OpenAI file': (data) => [{ type: 'file', file: { file_data: `data:application/pdf;base64,${data}` } }],
  'Responses image': (data) => [{ type: 'input_image', image_url: `data:image/jpeg;base64,${data}` }],
  'Anthropic image': (data) => [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }],
  'Ollama images': (data) => ({ images: [data, data], prompt: 'x' }),
  'an answer with images': (data) => ({ data: [{ b64_json: data }, { b64_json: data }] }),
};

test('data that the APIs carry in base64 is not text, however the body is cut', () => {
  for (const [name, make] of Object.entries(forms)) {
    for (const data of [base64, 'A'.repeat(40_000), base64.slice(0, 2_000)]) {
      const without = JSON.stringify({ model: 'm', messages: [{ content: make('') }], prose }).length;
      for (const size of [1e9, 65_536, 16_384, 5_000, 1_111]) {
        const counted = textBytes({ model: 'm', messages: [{ content: make(data) }], prose }, size);
        assert.ok(
          Math.abs(counted - without) <= 120,
          `${name}, ${data.length}, ${size}: ${counted - without}`,
        );
      }
    }
  }
});

test('data with blanks in its JSON, escaped slashes or line feeds is not text', () => {
  const lines = base64.replaceAll(/.{76}/g, '$&\\n');
  for (const data of [base64.replaceAll('/', '\\/'), lines]) {
    const counted = textBytes(`{ "images" : [ "${data}" ,\n "${data}" ] }`);
    assert.ok(counted < 100, String(counted));
  }
});

test('text of a prompt is text, whatever it looks like', () => {
  const texts = [
    prose,
    'p'.repeat(100_000),
    base64,
    `data:image/png;base64,${base64}`,
    `"images":["${base64}"]`,
    `{"url":"data:image/png;base64,${base64}"}`,
    `","data":"${prose}`,
  ];
  for (const content of texts) {
    for (const body of [
      { messages: [{ role: 'user', content }] },
      { prompt: content },
      { input: [content, content] },
      { stop: [content, content] },
    ]) {
      const text = JSON.stringify(body);
      for (const size of [1e9, 16_384])
        assert.equal(textBytes(text, size), text.length, content.slice(0, 40));
    }
  }
});

test('prose under a name that carries data is text', () => {
  for (const name of ['data', 'images', 'url', 'file_data']) {
    const text = JSON.stringify({ [name]: prose, [`${name}s`]: [prose] });
    assert.equal(textBytes(text), text.length);
  }
});

test('a web address is text, and so is what stands behind data', () => {
  const text = JSON.stringify({ url: `https://example.org/${'a'.repeat(2_000)}`, x: prose });
  assert.equal(textBytes(text), text.length);
  const behind = JSON.stringify({ images: [base64], content: 'p'.repeat(10_000) });
  assert.equal(textBytes(behind), behind.length - base64.length);
});

test('counting costs little of each byte, whatever the body holds and however it is cut', () => {
  const parts = [
    '"',
    '\\"',
    'p',
    'a'.repeat(600),
    `"${'a'.repeat(600)}"`,
    '"data":"',
    `"data":["${'A'.repeat(600)}",`,
  ];
  for (const part of [...parts, ' "images":[', 'AAAAAAAAAAAAAAAA ', ':'.repeat(100), '" , ']) {
    for (const size of [65_536, 700, 16]) {
      assertLinear(
        `${part.slice(0, 20)} in pieces of ${size}`,
        (bytes) => {
          const body = Buffer.from(part.repeat(bytes / part.length));
          return () => {
            const counter = new TextByteCounter();
            for (let at = 0; at < body.length; at += size)
              counter.add(body, at, Math.min(body.length, at + size));
          };
        },
        { sizes: [20_000, 200_000], fixed: 20_000, perUnit: 40 + 2_000 / size },
      );
    }
  }
});

/** A string in which the search for data stops. */
const word = 'word'.repeat(300);

test('long numbers after a string are text, and take one look each', () => {
  const numbers = {
    'a list of identifiers': '1234567890123456789,',
    'one long number': '7',
    'blanks between numbers': '  9007199254740993  ,',
    'what is no JSON': 'letters',
  };
  for (const [name, part] of Object.entries(numbers)) {
    for (const size of [1e9, 65_536, 700, 100]) {
      const body = `["${word}",${part.repeat(2_000)}1,"y"]`;
      assert.equal(textBytes(body, size), body.length, `${name} in pieces of ${size}`);
      assertLinear(
        `${name} in pieces of ${size}`,
        (bytes) => {
          const long = Buffer.from(`["${word}",${part.repeat(bytes / part.length)}`);
          return () => {
            const counter = new TextByteCounter();
            for (let at = 0; at < long.length; at += size)
              counter.add(long, at, Math.min(long.length, at + size));
          };
        },
        { sizes: [20_000, 200_000], fixed: 20_000, perUnit: 40 + 2_000 / size },
      );
    }
  }
});

test('data after a list of long numbers is still no text', () => {
  for (const size of [1e9, 5_000]) {
    const ids = '1234567890123456789,'.repeat(3_000);
    const body = (data: string) => `["${word}",${ids}1,{"images":["${data}"]}]`;
    const added = textBytes(body(base64), size) - textBytes(body(''), size);
    assert.ok(Math.abs(added) <= 120, `${added} bytes of data in pieces of ${size} count as text`);
  }
});
