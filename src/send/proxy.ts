// The endpoint's address in; whether the environment has it reached through a proxy, checked, out.

import { UpdraftError } from "../errors.ts";
import { isLoopback } from "../settings/addresses.ts";

/**
 * Whether the environment names a proxy for this endpoint; what runs on this machine (the simulator) is never reached
 * through one. Throws `proxy-invalid`.
 */
export function findProxy(baseUrl: string): boolean {
  if (isLoopback(new URL(baseUrl).hostname)) return false;
  const names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"].filter((name) => process.env[name]);
  for (const name of names) {
    const { protocol = "", hostname = "" } = URL.parse(process.env[name] ?? "") ?? {};
    if (!["http:", "https:", "socks5:"].includes(protocol) || hostname === "")
      throw new UpdraftError("proxy-invalid", { name });
  }
  return names.length > 0;
}
