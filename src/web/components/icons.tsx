/** Icons of the navigation: one path for each page, drawn with lines on a grid of 24. Decoration: the word stands beside it. */
const paths = {
  now: 'M3 12h4l3-8 4 16 3-8h4',
  usage: 'M4 20V10M10 20V4M16 20v-7M22 20H2',
  keys: 'M8 19a4 4 0 1 0 0-8 4 4 0 0 0 0 8M11 12l9-9M16 7l3 3',
  engines: 'M4 5h16v6H4zM4 13h16v6H4zM7 8h.01M7 16h.01',
  connect: 'M9 7V3M15 7V3M6 7h12v4a6 6 0 0 1-12 0zM12 17v4',
  chat: 'M4 5h16v11H10l-5 4v-4H4z',
  policy: 'M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6z',
  certificates: 'M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3',
  audit: 'M6 3h12v18H6zM9 8h6M9 12h6M9 16h4',
  logs: 'M4 6h16M4 10h10M4 14h16M4 18h7',
  sessions: 'M3 5h18v11H3zM8 20h8M12 16v4',
  share: 'M12 15V4M8 8l4-4 4 4M5 13v7h14v-7',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
