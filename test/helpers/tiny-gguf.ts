/**
 * Writes a language model of 265 kB that real engines load, and that always answers the same: `story` to any prompt,
 * or `loopText` without end to a prompt whose last characters are `loopTrigger`. Any temperature, any seed; the usage
 * an engine reports is exact. A prompt costs about one token a byte, so a context is easy to overflow.
 *
 * How weights become a script: those of attention and feed-forward are 0, so the block passes its input on, and what
 * comes next depends only on the last token. Each token belongs to a state and its embedding is 1 in that state's
 * dimension; RMSNorm makes that 8 (the root of 64 dimensions); the token that shall follow has 4 there in the output
 * matrix. So its logit is 32 and all others are 0:
 *
 *   any text ──> state 0 ──> Hello ──> from ──> ... ──> stops. ──> </s>
 *   <loop> ────> state of `and...` ──> on ──> and... ──┐
 *                                       ^──────────────┘
 *
 * The file (GGUF version 3, all little endian, a string is its u64 length and its bytes):
 *
 *   "GGUF" │ u32 3 │ u64 tensors │ u64 keys
 *   key:     string name │ u32 type │ value         (an array: u32 type of its elements │ u64 count │ elements)
 *   tensor:  string name │ u32 dimensions │ u64 each, innermost first │ u32 0 = F32 │ u64 offset in the data
 *   zeros up to a multiple of 32, then the data: each tensor's floats, padded likewise
 */
import { writeFileSync } from 'node:fs';

/** What any prompt is answered with; engines give it with a space in front. */
export const story = 'Hello from this tiny test model, which says one fixed line and then stops.';

/** What an engine counts for it: a token a word, and the one that ends it. */
export const storyTokens = story.split(' ').length + 1;

/**
 * A prompt that ends so is answered without end; as far as the engine goes: Ollama stops after ten contexts,
 * llama.cpp's server after one, unless it shifts contexts (--context-shift).
 */
export const loopTrigger = '<loop>';

/** What is then said again and again, a token a word. */
export const loopText = ' on and...';

const dimensions = 64;
const heads = 2;
const feedForward = 64;
const alignment = 32;

// Types of values, and of tokens.
const U32 = 4;
const I32 = 5;
const F32 = 6;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const BYTE = 6;

/** The mark that SentencePiece writes for a space; a token with it is a word. */
const space = '\u2581';

interface Script {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  /** By token: the state that it leads to; 0 where absent. */
  readonly stateAfter: ReadonlyMap<number, number>;
  /** By state: the token that follows. */
  readonly next: readonly number[];
}

interface Tensor {
  readonly name: string;
  /** Innermost first. */
  readonly shape: readonly number[];
  readonly data: Buffer;
}

/** `trainedContext`: the longest context in tokens that engines will offer for it. */
export function writeTinyGguf(path: string, trainedContext = 2048): void {
  const script = writeScript();
  const tensors = writeTensors(script);
  const keys = writeKeys(script, trainedContext);

  const infos: Buffer[] = [];
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    infos.push(string(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset));
    offset += data.length;
  }
  const head = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length), ...keys, ...infos];
  writeFileSync(path, Buffer.concat([padded(Buffer.concat(head)), ...tensors.map(({ data }) => data)]));
}

function writeScript(): Script {
  const tokens: string[] = [];
  const types: number[] = [];
  const add = (text: string, type = NORMAL): number => {
    types.push(type);
    return tokens.push(text) - 1;
  };
  const addWords = (text: string): number[] => text.split(' ').map((word) => add(space + word));

  add('<unk>', UNKNOWN);
  add('<s>', CONTROL);
  const end = add('</s>', CONTROL);
  // What has no token of its own falls back to bytes; llama.cpp looks up newline's while it loads.
  for (let byte = 0; byte < 256; byte++) add(`<0x${hex(byte)}>`, BYTE);
  add(space);
  // No prompt reaches these: the tokenizer joins neighbours, and none of the pieces in between is a token.
  const said = addWords(story);
  const looped = addWords(loopText.trim());
  // User-defined: matched whole in any text.
  const trigger = add(loopTrigger, USER_DEFINED);

  const stateAfter = new Map<number, number>();
  const next = [...said, end];
  for (const [index, token] of said.entries()) stateAfter.set(token, index + 1);
  for (const [index, token] of looped.entries()) {
    stateAfter.set(token, next.length);
    next.push(looped[(index + 1) % looped.length]!);
  }
  stateAfter.set(trigger, next.length - 1);
  return { tokens, types, stateAfter, next };
}

function writeTensors({ tokens, stateAfter, next }: Script): Tensor[] {
  const embedding = tokens.map((_, token) => at(token, stateAfter.get(token) ?? 0));
  const output = next.map((token, state) => at(token, state));
  return [
    tensor('token_embd.weight', [dimensions, tokens.length], embedding, 1),
    tensor('output_norm.weight', [dimensions], everywhere, 1),
    tensor('output.weight', [dimensions, tokens.length], output, 4),
    tensor('blk.0.attn_norm.weight', [dimensions], everywhere, 1),
    tensor('blk.0.attn_q.weight', [dimensions, dimensions]),
    tensor('blk.0.attn_k.weight', [dimensions, dimensions]),
    tensor('blk.0.attn_v.weight', [dimensions, dimensions]),
    tensor('blk.0.attn_output.weight', [dimensions, dimensions]),
    tensor('blk.0.ffn_norm.weight', [dimensions], everywhere, 1),
    tensor('blk.0.ffn_gate.weight', [dimensions, feedForward]),
    tensor('blk.0.ffn_up.weight', [dimensions, feedForward]),
    tensor('blk.0.ffn_down.weight', [feedForward, dimensions]),
  ];
}

function writeKeys({ tokens, types }: Script, trainedContext: number): Buffer[] {
  const scores = tokens.map(() => f32(0));
  return [
    key('general.architecture', STRING, string('llama')),
    key('general.name', STRING, string('tiny-markov')),
    key('general.file_type', U32, u32(0)),
    key('general.alignment', U32, u32(alignment)),
    key('llama.context_length', U32, u32(trainedContext)),
    key('llama.embedding_length', U32, u32(dimensions)),
    key('llama.block_count', U32, u32(1)),
    key('llama.feed_forward_length', U32, u32(feedForward)),
    key('llama.attention.head_count', U32, u32(heads)),
    key('llama.attention.head_count_kv', U32, u32(heads)),
    key('llama.attention.layer_norm_rms_epsilon', F32, f32(1e-5)),
    key('llama.rope.dimension_count', U32, u32(dimensions / heads)),
    key('llama.vocab_size', U32, u32(tokens.length)),
    key('tokenizer.ggml.model', STRING, string('llama')),
    key('tokenizer.ggml.pre', STRING, string('default')),
    key('tokenizer.ggml.tokens', ARRAY, array(STRING, tokens.map(string))),
    key('tokenizer.ggml.scores', ARRAY, array(F32, scores)),
    key('tokenizer.ggml.token_type', ARRAY, array(I32, types.map(u32))),
    key('tokenizer.ggml.bos_token_id', U32, u32(1)),
    key('tokenizer.ggml.eos_token_id', U32, u32(2)),
    key('tokenizer.ggml.unknown_token_id', U32, u32(0)),
    key('tokenizer.ggml.add_bos_token', BOOL, Buffer.of(1)),
    key('tokenizer.ggml.add_eos_token', BOOL, Buffer.of(0)),
    // Nothing around the messages, so that the end of the last one decides.
    key('tokenizer.chat_template', STRING, string("{% for m in messages %}{{ m['content'] }}{% endfor %}")),
  ];
}

const everywhere = Array.from({ length: dimensions }, (_, index) => index);

/** The place of a token's row, in that state's column. */
function at(token: number, state: number): number {
  return token * dimensions + state;
}

/** A tensor with one value in some places, and 0 in all others. */
function tensor(name: string, shape: readonly number[], places: readonly number[] = [], value = 0): Tensor {
  const data = Buffer.alloc(shape.reduce((product, size) => product * size) * 4);
  for (const place of places) data.writeFloatLE(value, place * 4);
  return { name, shape, data: padded(data) };
}

function key(name: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([string(name), u32(type), value]);
}

function array(type: number, values: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(type), u64(values.length), ...values]);
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & (alignment - 1))]);
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
