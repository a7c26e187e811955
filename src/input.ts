// A path and a mapping in; the file's content, its rows, and the plan of what each of them becomes, out.
import { systemClock as clock } from "./clock.ts";
import { condor as contract } from "./endpoint/condor.ts";
import type { EncodingName } from "./open/encoding.ts";
import { openSource, type Source, titleOf } from "./open/source.ts";
import type { Reading } from "./parse/dialect.ts";
import { openReader } from "./parse/reader.ts";
import type { Reader } from "./parse/row.ts";
import { type MappedPlan, makePlan } from "./plan/make-plan.ts";
import type { MappingSettings } from "./plan/plan.ts";
import { encodingBy, type ReadingSettings, toldBy } from "./settings/reading.ts";

export interface InputRequest {
  /** A path; `-` for standard input. */
  readonly file: string;
  readonly mapping: MappingSettings;
  readonly settings: { readonly dataDir: string; readonly encoding?: EncodingName | null } & ReadingSettings;
  /** Throws where the content is not what was expected: before anything else is found wrong with it. */
  accept?(source: Source): void;
  /** Ends the first reading. */
  readonly stop?: AbortSignal;
}

export interface Input {
  readonly source: Source;
  readonly reader: Reader;
  /** All that its rows depend on, to read them again in the same way; null for NDJSON. */
  readonly dialect: Reading | null;
  readonly plan: MappedPlan;
}

/** Opens a file of rows and makes the plan of what each of them becomes. The caller closes `source`. */
export async function openInput(request: InputRequest): Promise<Input> {
  const { file, settings, stop } = request;
  const source = await openSource(file, { ...settings, encoding: encodingBy(settings), ...(stop && { stop }) });
  try {
    request.accept?.(source);
    const told = request.mapping.dialect ?? toldBy(request.settings);
    const reader = await openReader(source, { told });
    const dialect = reader.dialect && { ...told, ...reader.dialect };
    const { columns } = reader;
    const { format } = source;
    const fileName = titleOf(source);
    const today = new Date(clock.wall()).toISOString().slice(0, 10);
    return {
      ...{ source, reader, dialect },
      plan: makePlan({ columns, dialect, format, settings: request.mapping, contract, today, fileName }),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}
