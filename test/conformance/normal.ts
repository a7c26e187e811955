// A cell in; the form in which two spellings of one value are equal, out: numbers, yes and no, money, times and dates.

/** Anywhere in a text, which is then nothing else: so the benchmark reads it. */
const MONEY = /([$€£¥]) ?(\d[\d,]*(?:\.\d+)?)/;
const DATE = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$/;
const ISO_DATE = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const TIME = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/;

/** What the benchmark compares records and headers by; cells it compares as they are. Text is compared without regard to case. */
export function normalCell(cell: string): string {
  if (/^(?:true|false)$/i.test(cell)) return cell.toLowerCase() === "true" ? "1" : "0";
  if (/^[+-]?\d+$/.test(cell)) return BigInt(cell.replace("+", "")).toString();
  if (/^[+-]?(?:\d+\.\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(cell)) return String(Number(cell));
  const date = DATE.exec(cell);
  if (date !== null) return dateOf(Number(date[3]), Number(date[1]), Number(date[2]));
  const iso = ISO_DATE.exec(cell);
  if (iso !== null) return dateOf(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const time = TIME.exec(cell);
  if (time !== null) return [time[1], time[2], time[3] ?? "0"].map((part) => String(part).padStart(2, "0")).join(":");
  const money = MONEY.exec(cell);
  if (money !== null) return `${money[1]}${Number(money[2]?.replaceAll(",", ""))}`;
  return cell.toLowerCase();
}

/** The month comes first where it can. */
function dateOf(year: number, first: number, second: number): string {
  const [month, day] = first <= 12 ? [first, second] : [second, first];
  return [year, month, day].map((part) => String(part).padStart(2, "0")).join("-");
}
