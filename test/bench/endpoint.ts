// A plain endpoint that costs little, for benchmarks: every update is answered at once with an answer of real size.
import { createServer, type Socket } from "node:net";

const LOGIN = JSON.stringify({ code: "0", data: { token: "t".repeat(64), dtsExpireAt: "2099-01-01T00:00:00.000Z" } });
/** As long as the documented answer, which repeats the whole customer. */
const ANSWER = JSON.stringify({
  code: "0",
  data: {
    condorCustomer: {
      first_name: "Jessie",
      last_name: "Testman",
      gender: "M",
      email: "bb@bb.be",
      phone_details: [{ phone_type: "MOBILE", country_dialing_code: 1, phone_number: "2155550100" }],
      date_of_birth: "1978-10-25",
      addresses: [
        {
          address_type: "PRIMARY",
          address1: "123 Some Str.",
          city: "Mycityname",
          region: "PA",
          postal_code: "19104",
          country: "USA",
        },
      ],
      identification_docs: [
        { identification_type: "SSN", identification_value: "#########", identification_issuance_country: "USA" },
      ],
      customerId: "csta_6clNH3W2pBehujY8mpTCU8",
    },
  },
});

const respond = (body: string) =>
  Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
const answer = respond(ANSWER);
const login = respond(LOGIN);
/** Every so many updates one takes `slowMs`: `--slow 100 3000`. Without it the remainder is never 0. */
const slowAt = process.argv.indexOf("--slow");
const slowEvery = slowAt < 0 ? Number.POSITIVE_INFINITY : Number(process.argv[slowAt + 1]);
const slowMs = slowAt < 0 ? 0 : Number(process.argv[slowAt + 2]);
let updates = 0;

/** Reads requests off a connection by their content-length; one at a time is in flight on each. */
function serve(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const end = data.indexOf("\r\n\r\n");
      if (end < 0) break;
      const head = data.toString("latin1", 0, end);
      const at = head.toLowerCase().indexOf("content-length:");
      const length = at < 0 ? 0 : Number.parseInt(head.slice(at + 15), 10);
      const total = end + 4 + length;
      if (data.length < total) break;
      data = data.subarray(total);
      reply(socket, head);
    }
    rest = data;
  });
}

/** `GET /count` tells how many updates came, so that no variant can be quick by leaving some out. */
function reply(socket: Socket, head: string): void {
  if (head.startsWith("POST /condor/")) {
    if (++updates % slowEvery === 0) setTimeout(() => socket.write(answer), slowMs);
    else socket.write(answer);
  } else if (head.startsWith("POST /auth/")) socket.write(login);
  else socket.write(respond(String(updates)));
}

const server = createServer(serve).listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  process.stdout.write(`http://127.0.0.1:${address.port}\n`);
});
