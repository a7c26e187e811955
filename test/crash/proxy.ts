// Two Unix sockets in; a way from one to the other that can be cut, out: silently, as a network does, or with every connection closed.
import { once } from "node:events";
import { rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface Proxy {
  readonly url: string;
  /** `silently`: nothing passes, nothing is told, and what was sent meanwhile arrives after restore(). Else all is closed and refused. */
  cut(silently: boolean): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

export async function startProxy(socket: string, target: string): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let silent = false;
  let server: Server;

  function join(near: Socket): void {
    const far = connect(target);
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [pair, pair.toReversed()] as const) {
      from?.on("error", end);
      from?.on("close", end);
      from?.on("data", (chunk) => {
        if (to?.write(chunk) === false) from.pause();
      });
      to?.on("drain", () => {
        if (!silent) from?.resume();
      });
    }
    if (silent) for (const one of pair) one.pause();
  }

  async function listen(): Promise<void> {
    rmSync(socket, { force: true });
    server = createServer(join).listen(socket);
    await once(server, "listening");
  }

  async function closeAll(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
    await closed;
  }

  await listen();
  return {
    url: `unix://${socket}`,
    async cut(silently) {
      if (!silently) return closeAll();
      silent = true;
      for (const pair of pairs) for (const one of pair) one.pause();
    },
    async restore() {
      if (!server.listening) return listen();
      silent = false;
      for (const pair of pairs) for (const one of pair) one.resume();
    },
    close: closeAll,
  };
}
