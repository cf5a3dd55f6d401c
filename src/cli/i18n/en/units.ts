/** Words of relative times. */
export const units = {
  justNow: 'just now',
  ago: (time: string): string => `${time} ago`,
  in: (time: string): string => `in ${time}`,
};
