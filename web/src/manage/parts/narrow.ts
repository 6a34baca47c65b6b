/** Rows whose name holds every word that was typed, in whatever case. */
export function matching<T>(rows: T[], by: (row: T) => string, search: string): T[] {
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const name = by(row).toLocaleLowerCase();
    return words.every((word) => name.includes(word));
  });
}
