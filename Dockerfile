# syntax=docker/dockerfile:1
# Updraft as an image: `docker build -t updraft .`, then `docker run --rm updraft --help`.

# The locked packages, Node 26 among them; this image's own Node only runs npm.
FROM node:22-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --include=optional --no-audit --no-fund

FROM debian:bookworm-slim
# What the Node 26 of the packages links to, and redis-server for a run without REDIS_URL (no service is started in a build).
RUN apt-get update \
  && apt-get install -y --no-install-recommends libatomic1 libstdc++6 redis-server \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --uid 10001 --create-home --home-dir /home/updraft updraft \
  && install -d -o updraft -g updraft -m 0700 /data
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
COPY jobs ./jobs
COPY samples ./samples
USER updraft
ENV UPDRAFT_DATA_DIR=/data
VOLUME /data
ENTRYPOINT ["/app/node_modules/.bin/node", "/app/src/cli/main.ts"]
CMD ["--help"]
