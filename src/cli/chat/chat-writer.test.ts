import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatPiece } from '../../app/chat/chat-client.ts';
import { ChatWriter } from './chat-writer.ts';
import { waitText } from './first-token-wait.ts';

function written(...pieces: readonly ChatPiece[]): string {
  let text = '';
  const writer = new ChatWriter({
    write: (piece) => {
      text += piece;
    },
    paint: (style, piece) => `<${style}>${piece}</>`,
    link: (label) => label,
    coloured: false,
    tableColumns: 80,
  });
  for (const piece of pieces) writer.piece(piece);
  writer.end();
  return text;
}

const text = (value: string): ChatPiece => ({ kind: 'text', text: value });
const reasoning = (value: string): ChatPiece => ({ kind: 'reasoning', text: value });

test('an answer is written as it is and ends its line once', () => {
  assert.equal(written(text('One\n\ttwo'), text(' thr'), text('ee 👩‍💻')), 'One\n\ttwo three 👩‍💻\n');
  assert.equal(written(text('One\n')), 'One\n');
  assert.equal(written(), '');
});

test('reasoning is dim, line by line, and apart from the answer', () => {
  assert.equal(written(reasoning('Hm.\nWell'), text('Yes')), '<dim>Hm.</>\n<dim>Well</>\n\nYes\n');
  assert.equal(written(reasoning('Hm.\n'), text('Yes')), '<dim>Hm.</>\n\nYes\n');
});

test('characters that control a terminal are escaped', () => {
  const hostile = '\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\b\x7f';
  const shown = written(text(hostile), reasoning('\x1b[H'));

  assert.doesNotMatch(shown, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
  assert.match(shown, /\\u001b\]0;owned\\u0007/);
});

test('a CRLF is a line end also where it comes in two pieces; a lone CR is shown', () => {
  assert.equal(written(text('a\r'), text('\nb\rc')), 'a\nb\\u000dc\n');
});

test('the progress line says why the first token takes long, if the engine reports it', () => {
  assert.equal(waitText(12_400, 'not-loaded'), 'waiting for the first token, loading the model (12 s)');
  assert.equal(waitText(1_000, 'unknown'), 'waiting for the first token (1 s)');
  assert.equal(waitText(5_000, 'unknown'), 'waiting for the first token, the model may be loading (5 s)');
  assert.equal(waitText(60_000, 'loaded'), 'waiting for the first token (60 s)');
});
