/** How much of a limit is used, in words and as a bar. */

/** The words say everything; the bar shows it at a glance. */
export function UseBar({
  label,
  used,
  limit,
  text,
}: {
  label?: string;
  used: number | null;
  limit: number | null;
  text: string;
}) {
  const share =
    used === null || limit === null ? undefined : Math.min(100, Math.max(0, (100 * used) / limit));
  return (
    <div class="use">
      {label === undefined ? null : <span>{label}</span>}
      {share === undefined ? null : (
        <svg
          viewBox="0 0 100 8"
          preserveAspectRatio="none"
          aria-hidden="true"
          class={share >= 90 ? 'high' : undefined}
        >
          <rect class="whole" width="100" height="8" />
          <rect class="part" width={share} height="8" />
        </svg>
      )}
      <strong>{text}</strong>
    </div>
  );
}
