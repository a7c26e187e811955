// A cell, or a JSON value, in; the text that is sent out.

/** Outer white space goes; most cells have none, and are not copied. */
export function trimmed(text: string): string {
  if (text === "") return text;
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  return first > 32 && first < 127 && last > 32 && last < 127 ? text : text.trim();
}

/**
 * Empty means "leave as it is": null, no value, white space. A whole number that JSON holds exactly becomes its digits.
 * Anything else is no text and comes back as it is.
 */
export function textOf(value: unknown): unknown {
  if (typeof value === "string") return trimmed(value);
  if (value === null || value === undefined) return "";
  return Number.isSafeInteger(value) ? String(value) : value;
}
