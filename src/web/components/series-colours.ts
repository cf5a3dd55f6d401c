/** Which colour of the palette (tokens.css) a key, model, engine or ending has. It keeps the colour in every chart. */
const palette = 8;
/** The colour of the sum of all others. */
export const otherColour = palette + 1;

const known = new Map<string, number>();

/** A colour from 1 for each name. Names that share a chart get different ones, as long as there are enough. */
export function coloursOf(names: readonly string[]): readonly number[] {
  const taken = new Set<number>();
  const colours = new Map<string, number>();
  for (const name of names) {
    const before = known.get(name);
    if (before === undefined || taken.has(before)) continue;
    colours.set(name, before);
    taken.add(before);
  }
  return names.map((name) => {
    const colour = colours.get(name) ?? firstFree(taken);
    taken.add(colour);
    known.set(name, colour);
    return colour;
  });
}

function firstFree(taken: ReadonlySet<number>): number {
  for (let colour = 1; colour <= palette; colour++) if (!taken.has(colour)) return colour;
  return (taken.size % palette) + 1;
}
