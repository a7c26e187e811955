// What is used of saxen, which has no types of its own.
declare module "saxen" {
  export class Parser {
    on(event: "openTag", listener: (name: string, attributes: () => Readonly<Record<string, string>>) => void): this;
    on(event: "closeTag", listener: (name: string) => void): this;
    /** Text as it is written: `&amp;`. */
    on(event: "text", listener: (text: string) => void): this;
    on(event: "cdata", listener: (text: string) => void): this;
    on(event: "attention", listener: (text: string) => void): this;
    on(event: "error" | "warn", listener: (cause: Error) => void): this;
    /** Without an "error" listener, what is wrong is thrown. */
    write(xml: string): this;
    end(): unknown;
  }
}
