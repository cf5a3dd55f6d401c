/**
 * Edits JSON that may contain comments and trailing commas (VS Code, Zed, OpenCode). A new entry is inserted after the
 * last entry and after the comment on its line: jsonc-parser's own `modify` would insert the entry before that comment.
 */
import type { Node, ParseError } from 'jsonc-parser';
import { t } from '../i18n/texts.ts';
import { type Change, EditFault, type Editor } from './merge.ts';

const texts = t.connect.faults;

type Jsonc = typeof import('jsonc-parser');

export async function editJson(): Promise<Editor> {
  const jsonc = await import('jsonc-parser');
  return {
    parse: (text) => parse(jsonc, text),
    edit(text, changes, lineEnd) {
      const unit = indentOf(text);
      return changes.reduce((before, change) => edit(jsonc, before, change, unit, lineEnd), text);
    },
  };
}

function parse(jsonc: Jsonc, text: string): unknown {
  const errors: ParseError[] = [];
  const tree = jsonc.parseTree(text, errors, { allowTrailingComma: true, allowEmptyContent: true });
  const [error] = errors;
  if (error !== undefined) {
    const lines = text.slice(0, error.offset).split('\n');
    throw new EditFault(
      texts.notJson(lines.length, (lines.at(-1) ?? '').length + 1, jsonc.printParseErrorCode(error.error)),
    );
  }
  if (tree === undefined) return undefined;
  forbidRepeatedNames(tree);
  return jsonc.getNodeValue(tree);
}

/** Programs differ in which of two equal names they use. */
function forbidRepeatedNames(node: Node): void {
  const names = new Set<unknown>();
  for (const child of node.children ?? []) {
    const name: unknown = child.type === 'property' ? child.children?.[0]?.value : undefined;
    if (name !== undefined && names.has(name)) throw new EditFault(texts.twice(JSON.stringify(name)));
    names.add(name);
    forbidRepeatedNames(child);
  }
}

function edit(jsonc: Jsonc, text: string, { path, value }: Change, unit: string, lineEnd: string): string {
  const root = jsonc.parseTree(text, [], { allowTrailingComma: true });
  if (root === undefined) throw new EditFault(texts.noJson);
  const there = jsonc.findNodeAtLocation(root, [...path]);
  const block = (indent: string): string =>
    JSON.stringify(value, undefined, unit).replaceAll('\n', `${lineEnd}${indent}`);
  if (there !== undefined) {
    const indent = lineIndent(text, there.offset);
    return text.slice(0, there.offset) + block(indent) + text.slice(there.offset + there.length);
  }
  const holder = path.length === 1 ? root : jsonc.findNodeAtLocation(root, path.slice(0, -1));
  if (holder === undefined || (holder.type !== 'object' && holder.type !== 'array'))
    throw new EditFault(texts.noTable(path.slice(0, -1).join('.')));
  const name = holder.type === 'object' ? `${JSON.stringify(String(path.at(-1)))}: ` : '';
  const outer = lineIndent(text, holder.offset);
  const last = holder.children?.at(-1);
  const close = holder.offset + holder.length - 1;
  if (last === undefined) {
    const entry = `${lineEnd}${outer}${unit}${name}${block(outer + unit)}`;
    const inside = text.slice(holder.offset + 1, close);
    // Comments in an empty table stay before the new entry.
    return inside.trim() === ''
      ? `${text.slice(0, holder.offset + 1)}${entry}${lineEnd}${outer}${text.slice(close)}`
      : `${text.slice(0, holder.offset + 1)}${inside.trimEnd()}${entry}${lineEnd}${outer}${text.slice(close)}`;
  }
  const end = last.offset + last.length;
  const { comma, lineOver } = behind(jsonc, text, end, close);
  const onLines = text.slice(holder.offset, close).includes('\n');
  const indent = onLines ? lineIndent(text, last.offset) : '';
  const entry = onLines ? `${lineEnd}${indent}${name}${block(indent)}` : ` ${name}${JSON.stringify(value)}`;
  // If the last entry ends with a comma, the new one does too.
  return comma
    ? `${text.slice(0, lineOver)}${entry}${onLines ? ',' : ''}${text.slice(lineOver)}`
    : `${text.slice(0, end)},${text.slice(end, lineOver)}${entry}${text.slice(lineOver)}`;
}

/**
 * The text between the last entry and the closing bracket: whether there is a comma, and where the comments on its line
 * end.
 */
function behind(jsonc: Jsonc, text: string, end: number, close: number) {
  const scanner = jsonc.createScanner(text, false);
  scanner.setPosition(end);
  let comma = false;
  let lineOver = end;
  for (;;) {
    scanner.scan();
    const offset = scanner.getTokenOffset();
    const over = offset + scanner.getTokenLength();
    if (offset >= close) return { comma, lineOver };
    // Only commas, comments and blanks are possible here. The token kinds are constants that exist only in TypeScript.
    if (text[offset] === ',') comma = true;
    else if (text[offset] !== '/' || text.slice(lineOver, offset).includes('\n')) continue;
    lineOver = over;
  }
}

/** The blanks at the beginning of the line. */
function lineIndent(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[\t ]*/.exec(text.slice(start, offset))?.[0] ?? '';
}

/** The indentation of the first indented line. */
function indentOf(text: string): string {
  return /\n([\t ]+)["{[\]}]/.exec(text)?.[1] ?? '  ';
}
