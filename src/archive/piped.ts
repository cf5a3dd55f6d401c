/** Sends bytes through a transform, such as a compression. */
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** An error of the source is an error of the result. Destroying the result ends the source. */
export function piped<T extends Transform>(source: AsyncIterable<Buffer>, transform: T): T {
  // The reader of the transform gets the same error.
  pipeline(source, transform).catch(() => {});
  return transform;
}
