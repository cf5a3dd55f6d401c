/**
 * Returns the language with the greatest weight in `Accept-Language`; the first of several equal ones (RFC 9110, section
 * 12.5.4). `languages` are primary tags such as `ja`, which a range such as `ja-JP` matches too.
 */
export function preferredLanguage<Language extends string>(
  accepted: string,
  languages: readonly Language[],
): Language | undefined {
  let best: { readonly language: Language; readonly weight: number } | undefined;
  for (const part of accepted.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((text) => text.trim());
    const language = languages.find((known) => known === range.split('-')[0]);
    const weight = weightOf(parameters);
    if (language !== undefined && weight > (best?.weight ?? 0)) best = { language, weight };
  }
  return best?.language;
}

/** An unreadable weight counts as none, so that the language is not chosen. */
function weightOf(parameters: readonly string[]): number {
  const weight = parameters.find((text) => text.startsWith('q='));
  if (weight === undefined) return 1;
  return /^q=(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight.slice(2)) : 0;
}
