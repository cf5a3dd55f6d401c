/**
 * The files of a conversation: an image that goes with a question, and the conversation saved as Markdown or JSON. A saved
 * conversation is readable for its owner only and never replaces a file.
 */
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ChatMessage, ContentPart } from '../../app/chat/chat-client.ts';
import { t } from '../i18n/texts.ts';

const texts = t.chat;

const maxImageBytes = 20 * 1024 ** 2;

export interface ChatImage {
  readonly part: ContentPart;
  readonly bytes: number;
}

/** A sentence about why a file cannot be used. */
export class ChatFileProblem extends Error {}

/** Throws ChatFileProblem. */
export async function readImage(path: string): Promise<ChatImage> {
  const file = expanded(path);
  let content: Buffer;
  try {
    if ((await stat(file)).size > maxImageBytes)
      throw new ChatFileProblem(texts.imageTooLarge(maxImageBytes / 1024 ** 2));
    content = await readFile(file);
  } catch (error) {
    if (error instanceof ChatFileProblem) throw error;
    throw new ChatFileProblem(texts.unreadable(path, codeOf(error)), { cause: error });
  }
  const type = imageType(content);
  if (type === undefined) throw new ChatFileProblem(texts.noImage(path));
  const url = `data:${type};base64,${content.toString('base64')}`;
  return { part: { type: 'image_url', image_url: { url } }, bytes: content.length };
}

/** By the first bytes, because a name may lie. */
function imageType(bytes: Buffer): string | undefined {
  const starts = (text: string, at = 0): boolean => bytes.toString('latin1', at, at + text.length) === text;
  if (starts('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (starts('\xff\xd8\xff')) return 'image/jpeg';
  if (starts('GIF87a') || starts('GIF89a')) return 'image/gif';
  return starts('RIFF') && starts('WEBP', 8) ? 'image/webp' : undefined;
}

/** Throws ChatFileProblem. */
export async function saveConversation(
  path: string,
  model: string,
  messages: readonly ChatMessage[],
): Promise<void> {
  const isJson = /\.json$/i.test(path);
  const text = isJson ? `${JSON.stringify({ model, messages }, null, 2)}\n` : asMarkdown(model, messages);
  try {
    const file = await open(expanded(path), 'wx', 0o600);
    try {
      await writeFile(file, text);
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = codeOf(error);
    throw new ChatFileProblem(code === 'EEXIST' ? texts.exists(path) : texts.unwritable(path, code), {
      cause: error,
    });
  }
}

function asMarkdown(model: string, messages: readonly ChatMessage[]): string {
  const parts = messages.map(({ role, content }) => `## ${texts.roles[role]}\n\n${plainText(content)}`);
  return [`# ${model}`, ...parts].join('\n\n').concat('\n');
}

function plainText(content: ChatMessage['content']): string {
  if (typeof content === 'string') return content;
  const images = content.filter((part) => part.type === 'image_url').length;
  const text = content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return [...(images > 0 ? [texts.imageMark(images)] : []), ...text].join('\n\n');
}

/** No shell expands the line, so `~` is expanded here. */
function expanded(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
