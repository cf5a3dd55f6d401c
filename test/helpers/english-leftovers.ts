/**
 * Finds English sentences, and English words that only sentences have, in Japanese output. Not counted: commands, flags,
 * codes, places to fill in, addresses, paths and names of products.
 */

/** Names of programs and services that consist of words. */
const products =
  /\b(?:Open WebUI|Claude Code|LM Studio|Let's Encrypt|Docker Model Runner|Serve on Local Network|Context (?:Length|Size)|Server Host|Vercel AI SDK|OpenAI SDK|Anthropic SDK)\b/g;

const notProse: readonly RegExp[] = [
  // What stands in backticks, and commands without them, up to Japanese text or the end of the line.
  /`[^`]*`/g,
  /(?:FLM_\w+=\S+ |sudo )?\b(?:flm|curl|export|source|npm|systemctl|kill)\b(?: [\x21-\x7e]+)*/g,
  /\b[a-z][a-z+]*:\/\/[^\s\u3000-\uffef]+/gi,
  /(?:~|\.{0,2})\/[^\s\u3000-\uffef]+/g,
  /--?[a-z][a-z-]*(?:[ =](?:<[^>]*>|[A-Z]+))?/g,
  /<[a-z|.-]+>/g,
  products,
];

/** Words that no Japanese sentence has, alone or not. */
const proseWords =
  /\b(?:the|an|is|are|was|were|be|has|have|had|of|to|and|or|no|not|none|never|with|without|for|from|by|at|in|on|it|its|this|that|these|there|yet|ago|more|than|running|starting|stopped|unknown|yes|always|only|any|all|every|each|so|then|until|since|if|when|where|which|who|what|why|how|can|cannot|may|must|will|would|use|used|give|given)\b/;

/** Three words of lower case in a row are a part of a sentence. */
const sentence = /\b[A-Za-z]?[a-z']+ [a-z']+ [a-z']+\b/;

/** A heading of a table that is English: names of two columns or more. */
const heading = /^\s*[A-Z][A-Z/ ]{2,}(?:\s{2,}[A-Z][A-Z/ ]*)+$/;

const escapes = /\u001b(?:\[[0-9;?]*[A-Za-z]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;

/** Returns the lines that have English left. */
export function englishLeftovers(text: string): readonly string[] {
  return text
    .replaceAll(escapes, '')
    .split('\n')
    .filter((line) => {
      const prose = notProse.reduce((rest, form) => rest.replaceAll(form, '\u3000'), line);
      return proseWords.test(prose) || sentence.test(prose) || heading.test(line);
    });
}
